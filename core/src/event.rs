//! What drivers tell the dispatcher.

use crate::failure::Failure;
use crate::names::{AttemptId, HostId, JobId, ModelName, Shape};
use crate::request::{Capability, Request, Task};
use serde::{Deserialize, Serialize};

/// Something that happened. Unknown ids are ignored: the world may be late.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// A caller wants an answer.
    Submit {
        /// The driver's number for it, never used before.
        job: JobId,
        /// What is wanted.
        request: Request,
    },
    /// More requests of a shape will follow at once: a caller works through a batch.
    Announce {
        /// The shape of one that has been submitted.
        shape: Shape,
        /// How many are still to come.
        count: u32,
    },
    /// The host accepted the call (response headers, or the connection where headers come late).
    Started {
        /// The call.
        attempt: AttemptId,
    },
    /// The first piece of the answer came.
    FirstToken {
        /// The call.
        attempt: AttemptId,
    },
    /// More of the answer came.
    Progress {
        /// The call.
        attempt: AttemptId,
        /// Pieces received so far.
        tokens: u32,
    },
    /// The final line came.
    Succeeded {
        /// The call.
        attempt: AttemptId,
        /// The server's own counters.
        usage: Usage,
    },
    /// The call ended without an answer.
    Failed {
        /// The call.
        attempt: AttemptId,
        /// Why.
        failure: Failure,
    },
    /// The client has not read what came before. Until the next `Progress`, the silence is the client's and not the host's.
    Held {
        /// The call.
        attempt: AttemptId,
    },
    /// The caller no longer wants the answer.
    Cancel {
        /// The job.
        job: JobId,
    },
    /// What a look at a host showed.
    HostState {
        /// The host.
        host: HostId,
        /// Up with its models, or why not.
        state: HostState,
    },
    /// What `/api/show` says of one model.
    ModelState {
        /// The host.
        host: HostId,
        /// The model.
        model: ModelName,
        /// Its details, or why they could not be had.
        state: ModelState,
    },
    /// What the metrics server said.
    Signals {
        /// Samples, or why there are none.
        state: SignalsState,
    },
    /// What became of a canary.
    Canary {
        /// The host.
        host: HostId,
        /// The model.
        model: ModelName,
        /// Why no token came; absent where one did.
        failure: Option<Failure>,
    },
    /// A caller will send such a request: load the model that would answer it. Answered by `Prepared`.
    Prepare {
        /// The driver's number for it, never used before, for a job either.
        job: JobId,
        /// What will be asked.
        request: Request,
        /// Milliseconds from now until it will be sent; 0: as soon as can be.
        #[cfg_attr(feature = "typescript", ts(type = "number"))]
        in_ms: u64,
    },
    /// A `Load` has ended.
    LoadEnded {
        /// The host.
        host: HostId,
        /// The model.
        model: ModelName,
        /// Why it is not in memory; absent where it is.
        failure: Option<Failure>,
    },
    /// An `Unload` has ended.
    UnloadEnded {
        /// The host.
        host: HostId,
        /// The model.
        model: ModelName,
        /// Why it did not leave; absent where it did.
        failure: Option<Failure>,
    },
    /// A `StartHost` has ended.
    StartEnded {
        /// The host.
        host: HostId,
        /// Why it does not run; absent where it does.
        failure: Option<Failure>,
    },
    /// A `StopHost` has ended.
    StopEnded {
        /// The host.
        host: HostId,
        /// Why it was not stopped; absent where it was.
        failure: Option<Failure>,
    },
    /// Another program acts on the models of this fleet, or no longer does.
    StandBy {
        /// Which program acts, in words. Absent: this one may act.
        holder: Option<String>,
    },
    /// Unload and load now what is due, whatever the mode is.
    Apply,
    /// How good an answer turned out to be.
    Feedback {
        /// Who gave it.
        model: ModelName,
        /// What was asked for.
        task: Task,
        /// The judgement.
        rating: Rating,
    },
    /// The driver was not run for a while, since the machine slept. Sent before the event at hand, if [`Dispatcher::slept`] says so.
    ///
    /// [`Dispatcher::slept`]: crate::Dispatcher::slept
    Slept {
        /// Milliseconds for which the driver was not run.
        #[cfg_attr(feature = "typescript", ts(type = "number"))]
        ms: u64,
    },
    /// Look at every host and at the metrics now, because somebody asks how the fleet is.
    Look,
    /// Time passed: see `poll_timeout`.
    Tick,
}

/// A judgement of one answer.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(rename_all = "snake_case")]
pub enum Rating {
    /// Up or down.
    Thumbs(bool),
    /// From 0, useless, to 1, as good as can be.
    Score(f64),
    /// Whether it fits the schema it was asked to fit.
    SchemaValid(bool),
    /// The share of it a person changed before use, 0 to 1.
    EditDistance(f64),
}

/// A host as one look at it showed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum HostState {
    /// It answered.
    Up(HostReport),
    /// It did not.
    Down(Failure),
}

/// `/api/version`, `/api/tags` and `/api/ps` of one host. A part that could not be had is absent and keeps its last value.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts", optional_fields))]
#[serde(deny_unknown_fields)]
pub struct HostReport {
    /// `/api/version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `/api/tags`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<ModelTag>>,
    /// `/api/ps`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resident: Option<Vec<ResidentModel>>,
}

/// One model of `/api/tags`.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts", optional_fields))]
#[serde(deny_unknown_fields)]
pub struct ModelTag {
    /// Its tag.
    pub name: String,
    /// Content digest: two tags with one digest share a runner.
    #[serde(default)]
    pub digest: String,
    /// Bytes on disk.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub size_bytes: u64,
    /// Parameters, from `details.parameter_size` ("3.2B"), if stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<f64>,
    /// Architecture family, if stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// Runs elsewhere (a cloud model): never used unless pinned.
    #[serde(default)]
    pub remote: bool,
    /// Capabilities, where the version lists them here (0.30 and later).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Vec<Capability>>,
}

/// One model of `/api/ps`.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts", optional_fields))]
#[serde(deny_unknown_fields)]
pub struct ResidentModel {
    /// The tag that loaded it.
    pub name: String,
    /// Content digest.
    #[serde(default)]
    pub digest: String,
    /// Bytes in memory, of both kinds.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub size_bytes: u64,
    /// Bytes of those on the GPU.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub vram_bytes: u64,
    /// Tokens of context it was loaded with, where the version tells (0.10 and later).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_tokens: Option<u32>,
    /// The host keeps it for ever (a negative `keep_alive`).
    #[serde(default)]
    pub pinned: bool,
    /// Seconds until it leaves, by the host's own clock, if it is not used again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_s: Option<f64>,
}

/// `/api/show` of one model.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ModelState {
    /// It answered.
    Known(ModelDetails),
    /// It did not.
    Unknown(Failure),
}

/// What decides whether a model can serve a request and what memory it takes.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts", optional_fields))]
#[serde(deny_unknown_fields)]
pub struct ModelDetails {
    /// What it can do.
    #[serde(default)]
    pub capabilities: Vec<Capability>,
    /// Tokens of context it was trained for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_tokens: Option<u32>,
    /// Tokens of context its Modelfile asks for (`PARAMETER num_ctx`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub num_ctx: Option<u32>,
    /// Parameter count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<f64>,
    /// Bytes of key-value cache per token of context (16-bit), from its architecture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kv_bytes_per_token: Option<f64>,
}

/// What the metrics server said.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SignalsState {
    /// It answered with these samples; hosts without one have no such exporter.
    Up(Vec<Sample>),
    /// It did not answer, or not with metrics.
    Down(Failure),
}

/// One measured fact about one host.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// The exporter's `instance` label; matched to hosts by `HostConfig::instance`.
    pub instance: String,
    /// What was measured.
    pub signal: SignalName,
    /// In the signal's unit. Numbers that are not finite are dropped.
    pub value: f64,
    /// Milliseconds since the exporter was scraped, at the time of the answer.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub age_ms: u64,
}

/// The facts core understands.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, strum::IntoStaticStr,
)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum SignalName {
    /// Share of the CPU time that is in use, 0 to 1.
    CpuBusyRatio,
    /// Bytes a new process could take.
    MemoryAvailableBytes,
    /// Bytes installed.
    MemoryTotalBytes,
    /// Working set of the Ollama container, in bytes.
    ContainerMemoryBytes,
    /// Memory limit of the Ollama container, in bytes.
    ContainerMemoryLimitBytes,
}

impl SignalName {
    /// The word used in every interface.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The final line's counters. Zero where the server left one out.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts", optional_fields))]
#[serde(default, deny_unknown_fields)]
pub struct Usage {
    /// Tokens of the prompt, cached ones included.
    pub prompt_tokens: u32,
    /// Tokens of the answer.
    pub output_tokens: u32,
    /// Milliseconds of waiting for the load and loading (`load_duration`).
    pub load_ms: f64,
    /// Milliseconds of reading the prompt (`prompt_eval_duration`).
    pub prompt_ms: f64,
    /// Milliseconds of writing the answer (`eval_duration`).
    pub output_ms: f64,
    /// Milliseconds in all (`total_duration`).
    pub total_ms: f64,
}

/// Adds the counters of two calls.
impl core::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.prompt_tokens = self.prompt_tokens.saturating_add(other.prompt_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.load_ms += other.load_ms;
        self.prompt_ms += other.prompt_ms;
        self.output_ms += other.output_ms;
        self.total_ms += other.total_ms;
    }
}
