//! A decision that explains itself: every arm, kept or dropped, each term in seconds, each signal with its age.

use crate::event::SignalName;
use crate::names::{HostId, ModelName};
use crate::request::{Mode, Task};
use serde::{Deserialize, Serialize};

/// The ranked arms for one request.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct Decision {
    /// The winner: the first candidate.
    pub chosen: Option<Arm>,
    /// One sentence: who won, against whom, and the terms that decided it.
    pub reason: String,
    /// Expected milliseconds from now to the last token on the chosen arm.
    pub predicted_ms: f64,
    /// The kind of work.
    pub task: Task,
    /// The price of quality.
    pub mode: Mode,
    /// Estimated tokens of the prompt.
    pub prompt_tokens: u32,
    /// Expected tokens of the answer.
    pub output_tokens: u32,
    /// Arms that could serve, best first.
    pub candidates: Vec<Candidate>,
    /// Arms that could not, each with its reason.
    pub dropped: Vec<Dropped>,
    /// The signals of the candidates' hosts.
    pub signals: Vec<SignalAge>,
    /// What a reader should also know: stale signals, unreachable hosts, failed attempts.
    pub notes: Vec<String>,
    /// What looking ahead found, where it overruled the score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub plan: Option<PlanReport>,
    /// Both sides of a gradual rollout, as they were at the first decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub comparison: Option<Comparison>,
}

/// What a caller named, compared with what the dispatcher chooses.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct Comparison {
    /// Whether the dispatcher's choice runs, and not the named one.
    pub switched: bool,
    /// The arm that the caller named; absent if it cannot serve.
    pub named: Option<Forecast>,
    /// The arm that the dispatcher chooses; absent if none can serve.
    pub chosen: Option<Forecast>,
    /// Milliseconds that the dispatcher's choice is expected to save; below zero it is expected to cost.
    pub gain_ms: f64,
}

/// An arm and how long it is expected to take.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct Forecast {
    /// Where.
    pub host: HostId,
    /// Which.
    pub model: ModelName,
    /// Milliseconds until the last token.
    pub predicted_ms: f64,
}

/// What looking ahead found where it chose another arm than the score: all jobs together end sooner by it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct PlanReport {
    /// The arm with the best score. It is the chosen arm if looking ahead overruled only the wait for other models.
    pub instead_of: Arm,
    /// Futures played.
    pub futures: u32,
    /// Futures in which the chosen arm was better.
    pub better_in: u32,
    /// Seconds gained by all jobs together, on average.
    pub gain_s: f64,
}

/// A model on a host.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct Arm {
    /// Where.
    pub host: HostId,
    /// Which.
    pub model: ModelName,
}

/// An arm with its score.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct Candidate {
    /// Where.
    pub host: HostId,
    /// Which.
    pub model: ModelName,
    /// Loaded with enough context.
    pub resident: bool,
    /// Seconds to compare by: the sum of `terms`. Lower is better.
    pub score_s: f64,
    /// Expected seconds to the last token: load, queue, interference and work.
    pub expected_s: f64,
    /// What the score is made of.
    pub terms: Terms,
}

/// The terms of a score, all in seconds; they sum to it.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(default)]
pub struct Terms {
    /// Until the host answers, where it is asleep or on its way up.
    #[serde(skip_serializing_if = "is_zero")]
    #[cfg_attr(feature = "typescript", ts(as = "Option<f64>", optional))]
    pub start_s: f64,
    /// Until the model is loaded: the loads before it and its own.
    pub load_s: f64,
    /// Work that goes first: in that model's slots, or of other models whose turn it is.
    pub queue_s: f64,
    /// Lost to other models and processes busy on that host.
    pub interference_s: f64,
    /// Reading the prompt.
    pub prefill_s: f64,
    /// Writing the answer.
    pub decode_s: f64,
    /// Delay it causes others on that host.
    pub harm_s: f64,
    /// Loads and readings it will cause again by pushing other models, or prompts that were read, out of memory.
    pub reload_s: f64,
    /// Expected cost of failing there and trying elsewhere.
    pub risk_s: f64,
    /// Price of lower quality than the mode asks for.
    pub quality_s: f64,
    /// Price of probably missing the deadline.
    pub deadline_s: f64,
    /// A bonus, below zero, for what may be learned about an arm that was tried seldom (`tuning.optimism`).
    pub optimism_s: f64,
}

impl Terms {
    /// Expected seconds to the last token.
    pub fn expected_s(&self) -> f64 {
        self.start_s + self.load_s + self.queue_s + self.interference_s + self.prefill_s + self.decode_s
    }

    /// The score.
    pub fn sum_s(&self) -> f64 {
        self.expected_s()
            + self.harm_s
            + self.reload_s
            + self.risk_s
            + self.quality_s
            + self.deadline_s
            + self.optimism_s
    }

    /// Each term with the words that explain it.
    pub fn named(&self) -> [(&'static str, f64); 12] {
        [
            ("starting the host", self.start_s),
            ("loading", self.load_s),
            ("queue", self.queue_s),
            ("interference", self.interference_s),
            ("reading the prompt", self.prefill_s),
            ("writing the answer", self.decode_s),
            ("delay to others", self.harm_s),
            ("reloads it causes", self.reload_s),
            ("risk of failing", self.risk_s),
            ("lower quality", self.quality_s),
            ("the deadline", self.deadline_s),
            ("little known", self.optimism_s),
        ]
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(seconds: &f64) -> bool {
    *seconds == 0.0
}

/// An arm that cannot serve the request.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct Dropped {
    /// Where.
    pub host: HostId,
    /// Which; absent where the whole host is out.
    pub model: Option<ModelName>,
    /// Stable word.
    pub code: DropCode,
    /// With the numbers that decided.
    pub detail: String,
}

/// Why an arm was dropped. Words are stable.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(rename_all = "snake_case")]
pub enum DropCode {
    /// The host does not answer, or its breaker is open.
    HostDown,
    /// The host refused our key.
    Unauthorized,
    /// The host lacks the route of the call.
    LacksRoute,
    /// The request is pinned to another model.
    OtherModelPinned,
    /// The request is pinned to another host.
    OtherHostPinned,
    /// Not among the models the request accepts.
    NotAccepted,
    /// Not among the configured models.
    NotConfigured,
    /// Lacks a capability.
    NotCapable,
    /// Its quality is below the floor of the request's mode.
    BelowFloor,
    /// Its context is too small.
    ContextTooSmall,
    /// It does not fit the host's memory.
    DoesNotFit,
    /// It runs outside this fleet.
    Remote,
    /// It failed lately: crashed, out of memory, or gone.
    FailedLately,
    /// It failed in this very job.
    AlreadyTried,
    /// The host is over the owner's CPU limit.
    OverCpuLimit,
    /// The host is under the owner's memory limit.
    UnderMemoryLimit,
}

/// How old a signal is, and whether it counted.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct SignalAge {
    /// The host it tells of.
    pub host: HostId,
    /// What was measured.
    pub signal: SignalName,
    /// The last value seen.
    pub value: f64,
    /// Milliseconds since it was measured.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub age_ms: u64,
    /// Older than three scrape intervals: not used.
    pub stale: bool,
}
