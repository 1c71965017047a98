//! One job with its decision and outcome: a row of the history, a line of `smart-ai history --json`, and what a report reads.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use smart_ai_core::{Comparison, Decision, DispatchError, Outcome, Request};

use super::action::Action;
use crate::word::word;

/// One job. The result of `smart-ai ask --json`, with its time, and without the texts unless they are kept.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Row {
    /// When it was sent, in milliseconds since 1970.
    pub(crate) at_ms: u64,
    /// Its name in the history.
    #[serde(default)]
    pub(crate) job: String,
    /// Whether it was answered.
    pub(crate) ok: bool,
    /// Why it was not.
    #[serde(default)]
    pub(crate) error: Option<Fault>,
    /// `fast`, `balanced` or `best`.
    #[serde(default)]
    pub(crate) mode: String,
    /// The caller's key of similar requests.
    #[serde(default)]
    pub(crate) shape: Option<String>,
    /// The model that answered.
    pub(crate) model: Option<String>,
    /// Its host.
    pub(crate) host: Option<String>,
    /// Every call, in order.
    #[serde(default)]
    pub(crate) attempts: Vec<Attempt>,
    /// Absent where it never came to one.
    pub(crate) decision: Option<Decided>,
    /// Tokens.
    #[serde(default)]
    pub(crate) usage: Usage,
    /// Milliseconds by phase.
    pub(crate) ms: Phases,
    /// What was expected at submit, in milliseconds.
    #[serde(default)]
    pub(crate) predicted_ms: f64,
    /// Kept only where the owner wants it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) prompt: Option<String>,
    /// Kept only where the owner wants it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
}

/// Why there is no answer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Fault {
    /// The stable word.
    pub(crate) code: String,
    /// What happened.
    #[serde(default)]
    pub(crate) message: String,
    /// What to do.
    #[serde(default)]
    pub(crate) hint: String,
}

/// One call.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Attempt {
    /// Where.
    #[serde(default)]
    pub(crate) host: String,
    /// Which.
    #[serde(default)]
    pub(crate) model: String,
    /// `ok`, `cancelled`, or the failure's word.
    pub(crate) outcome: String,
    /// What the server said, if it failed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) detail: String,
    /// Milliseconds to its end.
    pub(crate) ms: f64,
}

/// A decision: what a report draws of it, and the rest as it was made.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Decided {
    /// The kind of work.
    pub(crate) task: String,
    /// Both sides of a gradual rollout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) comparison: Option<Comparison>,
    /// Candidates with every term, dropped arms, signals, notes.
    #[serde(flatten, skip_deserializing)]
    pub(crate) rest: Map<String, Value>,
}

/// Tokens by the server's count.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Usage {
    /// Of the prompt.
    pub(crate) prompt_tokens: u32,
    /// Of the answer.
    pub(crate) output_tokens: u32,
}

/// Milliseconds since submit, or by the server's count.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Phases {
    /// Until the call that answered.
    pub(crate) queue: f64,
    /// Loading the model.
    pub(crate) load: f64,
    /// Until the first piece.
    pub(crate) first_token: f64,
    /// Until the end.
    pub(crate) total: f64,
}

/// What the driver saw, before it is put into words.
#[derive(Debug)]
pub(crate) enum Seen {
    Job(Box<Ended>),
    Action(Action),
}

/// A row of the history.
#[derive(Debug)]
pub(crate) enum Kept {
    Job(Box<Row>),
    Action(Action),
}

impl Kept {
    pub(super) fn job(&self) -> Option<&Row> {
        if let Self::Job(row) = self { Some(row) } else { None }
    }

    pub(super) fn action(&self) -> Option<&Action> {
        if let Self::Action(action) = self { Some(action) } else { None }
    }

    /// What people are told it is.
    pub(super) fn spoken(&self) -> String {
        match self {
            Self::Job(row) => format!("job {}", row.job),
            Self::Action(action) => format!("action {}", action.name),
        }
    }
}

impl From<Seen> for Kept {
    fn from(seen: Seen) -> Self {
        match seen {
            Seen::Job(ended) => Self::Job(Box::new(Row::from(*ended))),
            Seen::Action(action) => Self::Action(action),
        }
    }
}

/// A job as the driver saw it end.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) job: String,
    pub(crate) at_ms: u64,
    pub(crate) request: Request,
    pub(crate) outcome: Outcome,
    pub(crate) error: Option<DispatchError>,
    pub(crate) decision: Option<Decision>,
    pub(crate) prompt: Option<String>,
    pub(crate) text: Option<String>,
}

impl Decided {
    /// As it is kept: one JSON object with every term.
    pub(super) fn of(detail: Value) -> Option<Self> {
        let Value::Object(mut rest) = detail else { return None };
        let task = rest.remove("task")?.as_str()?.to_owned();
        let comparison = rest.remove("comparison").and_then(|both| serde_json::from_value(both).ok());
        Some(Self { task, comparison, rest })
    }
}

impl From<Ended> for Row {
    fn from(ended: Ended) -> Self {
        let Ended { job, at_ms, request, outcome, error, decision, prompt, text } = ended;
        let attempts = outcome.attempts.into_iter().map(|attempt| Attempt {
            host: attempt.host.as_str().to_owned(),
            model: attempt.model.as_str().to_owned(),
            outcome: attempt.outcome,
            detail: attempt.detail,
            ms: attempt.ms as f64,
        });
        let detail = decision.and_then(|decision| serde_json::to_value(decision).ok());
        let bare = || Decided { task: request.task.as_str().to_owned(), ..Decided::default() };
        Self {
            at_ms,
            job,
            ok: error.is_none(),
            error: error.map(Fault::from),
            mode: word(&request.mode),
            shape: request.shape.as_ref().map(|shape| shape.as_str().to_owned()),
            model: outcome.model.map(|model| model.as_str().to_owned()),
            host: outcome.host.map(|host| host.as_str().to_owned()),
            attempts: attempts.collect(),
            decision: Some(detail.and_then(Decided::of).unwrap_or_else(bare)),
            usage: Usage {
                prompt_tokens: outcome.usage.prompt_tokens,
                output_tokens: outcome.usage.output_tokens,
            },
            ms: Phases {
                queue: outcome.ms.queue,
                load: outcome.ms.load,
                first_token: outcome.ms.first_token,
                total: outcome.ms.total,
            },
            predicted_ms: outcome.predicted_ms,
            prompt,
            text,
        }
    }
}

impl From<DispatchError> for Fault {
    fn from(error: DispatchError) -> Self {
        Self { code: word(&error.code), message: error.message, hint: error.hint }
    }
}
