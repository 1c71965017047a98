//! What the dispatcher asks its driver to do.

use crate::event::Usage;
use crate::failure::DispatchError;
use crate::lifecycle::Prepared;
use crate::names::{AttemptId, HostId, JobId, Millis, ModelName};
use serde::{Deserialize, Serialize};

/// One thing to do. The driver answers with events, never with a return value.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Effect {
    /// Send the job's text to this arm, streamed.
    Call {
        /// The job whose text to send.
        job: JobId,
        /// Its number; every event about the call carries it.
        attempt: AttemptId,
        /// Where.
        host: HostId,
        /// Which model.
        model: ModelName,
        /// What to send beside the text.
        options: CallOptions,
    },
    /// Close the call's connection; no event about it is wanted any more.
    Abort {
        /// The call.
        attempt: AttemptId,
    },
    /// The job has its answer: the text of this attempt.
    Resolve {
        /// The job.
        job: JobId,
        /// How it went.
        outcome: Outcome,
    },
    /// The job ends without an answer.
    Reject {
        /// The job.
        job: JobId,
        /// Why, and what to do.
        error: DispatchError,
        /// How it went.
        outcome: Outcome,
    },
    /// Look at something now, and send the event that tells.
    Refresh {
        /// What to look at.
        source: Source,
        /// Milliseconds each request of it may take; one that takes longer is `ETIMEDOUT`.
        within_ms: u32,
    },
    /// Load a model that nobody asks anything yet; answered by `LoadEnded`. It is never cut short.
    Load {
        /// Where.
        host: HostId,
        /// Which model.
        model: ModelName,
        /// It only embeds: such a model is loaded by another path.
        embeds: bool,
        /// What to send beside its name.
        options: CallOptions,
        /// Milliseconds it may take; one that takes longer is `ETIMEDOUT`.
        within_ms: u32,
    },
    /// Let a model leave memory; answered by `UnloadEnded`. Ollama lets requests of it end before.
    Unload {
        /// Where.
        host: HostId,
        /// Which model.
        model: ModelName,
        /// Milliseconds it may take; one that takes longer is `ETIMEDOUT`.
        within_ms: u32,
    },
    /// Start a host that does not answer. Answered by `StartEnded` once its container, command or server says that it runs; looks then
    /// show whether it answers.
    StartHost {
        /// Which.
        host: HostId,
        /// Milliseconds it may take; one that takes longer has failed.
        within_ms: u32,
    },
    /// Stop a host that nobody uses; answered by `StopEnded`. A driver that is not sure that it may does not.
    StopHost {
        /// Which.
        host: HostId,
        /// Milliseconds it may take; one that takes longer has failed.
        within_ms: u32,
    },
    /// What became of a `Prepare`.
    Prepared {
        /// The driver's number for it.
        job: JobId,
        /// How it stands with the model.
        prepared: Prepared,
    },
}

/// Load-time and generation options the dispatcher decides.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct CallOptions {
    /// `num_ctx`: one value per arm, so that no request reloads a model needlessly. Absent: the server's own.
    pub num_ctx: Option<u32>,
    /// `num_predict`: the caller's cap.
    pub num_predict: Option<u32>,
    /// `keep_alive` in seconds: less for a model that is worth less in memory, so that it makes way sooner. Absent: the server's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_alive_s: Option<u32>,
}

/// Something to look at.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Source {
    /// `/api/version`, `/api/tags`, `/api/ps` of a host; answered by `HostState`.
    Host {
        /// The host.
        host: HostId,
    },
    /// `/api/show` of a model; answered by `ModelState`.
    Model {
        /// The host.
        host: HostId,
        /// The model.
        model: ModelName,
    },
    /// The metrics server; answered by `Signals`.
    Signals,
    /// A canary: asks a loaded model for one token, to see whether it still answers. Answered by `Canary`.
    Canary {
        /// The host.
        host: HostId,
        /// The model.
        model: ModelName,
        /// What to send beside the text.
        options: CallOptions,
    },
}

/// How a job went: every attempt, and the times of the one that counted.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct Outcome {
    /// The attempt whose text is the answer.
    pub attempt: Option<AttemptId>,
    /// Its host.
    pub host: Option<HostId>,
    /// Its model.
    pub model: Option<ModelName>,
    /// Every call made, in order.
    pub attempts: Vec<AttemptReport>,
    /// The server's counters.
    pub usage: Usage,
    /// Milliseconds, by phase.
    pub ms: Phases,
    /// What the decision expected from Submit to the last token, in milliseconds.
    pub predicted_ms: f64,
}

/// One call, as it ended.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct AttemptReport {
    /// Its host.
    pub host: HostId,
    /// Its model.
    pub model: ModelName,
    /// `ok`, `cancelled`, or the failure's word.
    pub outcome: String,
    /// What the server said, if it failed.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub detail: String,
    /// Milliseconds from the call to its end.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub ms: u64,
}

/// Where a job's time went, in milliseconds since Submit or by the server's count.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct Phases {
    /// From Submit to the call that answered, failed calls included.
    pub queue: f64,
    /// Loading the model, by the server's count.
    pub load: f64,
    /// From Submit to the first piece of the answer.
    pub first_token: f64,
    /// From Submit to the end.
    pub total: f64,
}

/// Everything one event led to.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct Step {
    /// What to do now, in order.
    pub effects: Vec<Effect>,
    /// When to send `Tick` at the latest, if nothing happens before.
    #[serde(rename = "wakeAt")]
    pub wake_at: Option<Millis>,
}
