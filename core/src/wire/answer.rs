//! The result of one `ask`, in every interface.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ask::Ask;
use crate::decision::Decision;
use crate::effect::{AttemptReport, Outcome, Phases};
use crate::event::Usage;
use crate::failure::DispatchError;
use crate::names::{HostId, ModelName};

/// The result line of `smart-ai ask --jsonl`, and what every `ask` returns.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct Answer {
    /// The caller's own, as it came.
    #[cfg_attr(feature = "typescript", ts(type = "string | number | null"))]
    pub id: Value,
    /// Whether there is an answer.
    pub ok: bool,
    /// The answer; of a failed job, what had come.
    pub text: String,
    /// One vector per input text, of an `embed` job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub embeddings: Option<Vec<Vec<f64>>>,
    /// Tools the model wants called, as Ollama sends them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(type = "Array<Record<string, unknown>>", optional))]
    pub tool_calls: Option<Value>,
    /// What the model thought before it answered, where the server tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub thinking: Option<String>,
    /// Why there is no answer.
    pub error: Option<DispatchError>,
    /// The model that answered.
    pub model: Option<ModelName>,
    /// Its host.
    pub host: Option<HostId>,
    /// Every call made, in order.
    pub attempts: Vec<AttemptReport>,
    /// Why this arm; absent where the ask was refused.
    pub decision: Option<Decision>,
    /// Tokens by the server's count.
    pub usage: AnswerUsage,
    /// Milliseconds, by phase.
    pub ms: Phases,
    /// What the decision expected, in milliseconds.
    pub predicted_ms: f64,
}

/// Tokens of one answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct AnswerUsage {
    /// Of the prompt, cached ones included.
    pub prompt_tokens: u32,
    /// Of the answer.
    pub output_tokens: u32,
}

impl From<Usage> for AnswerUsage {
    fn from(usage: Usage) -> Self {
        Self { prompt_tokens: usage.prompt_tokens, output_tokens: usage.output_tokens }
    }
}

impl Ask {
    /// The answer of its job, without anything that a call brought. `error`: the job ended without an answer.
    pub fn answer(
        &self,
        error: Option<DispatchError>,
        outcome: Outcome,
        decision: Option<Decision>,
    ) -> Answer {
        let ok = error.is_none();
        Answer { ok, ..Answer::ended(self.id.clone(), String::new(), error, outcome, decision) }
    }
}

impl Answer {
    /// Of a job that core resolved.
    pub fn resolved(
        id: impl Into<Value>,
        text: String,
        embeddings: Option<Vec<Vec<f64>>>,
        outcome: Outcome,
        decision: impl Into<Option<Decision>>,
    ) -> Self {
        Self { ok: true, embeddings, ..Self::ended(id.into(), text, None, outcome, decision.into()) }
    }

    /// Of a job that core rejected, with the text that had come.
    pub fn rejected(
        id: impl Into<Value>,
        partial_text: String,
        error: DispatchError,
        outcome: Outcome,
        decision: impl Into<Option<Decision>>,
    ) -> Self {
        Self::ended(id.into(), partial_text, Some(error), outcome, decision.into())
    }

    /// Of an ask that never reached core.
    pub fn refused(id: impl Into<Value>, error: DispatchError) -> Self {
        Self::ended(id.into(), String::new(), Some(error), Outcome::default(), None)
    }

    fn ended(
        id: Value,
        text: String,
        error: Option<DispatchError>,
        outcome: Outcome,
        decision: Option<Decision>,
    ) -> Self {
        Self {
            id,
            ok: false,
            text,
            embeddings: None,
            tool_calls: None,
            thinking: None,
            error,
            model: outcome.model,
            host: outcome.host,
            attempts: outcome.attempts,
            decision,
            usage: outcome.usage.into(),
            ms: outcome.ms,
            predicted_ms: outcome.predicted_ms,
        }
    }
}
