//! The answer to a caller's `prepare`: whether the model is in memory.

use serde::{Deserialize, Serialize};

use crate::failure::DispatchError;
use crate::names::{HostId, ModelName};

/// The answer to a `prepare`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct Prepared {
    /// Whether the model is in memory, or will be by the time asked for.
    pub ok: bool,
    /// How it stands with the model.
    pub state: PrepareState,
    /// The host with the model. If the load is planned, the host that suits best as things are now.
    pub host: Option<HostId>,
    /// The model. If the load is planned, the one that suits best as things are now.
    pub model: Option<ModelName>,
    /// Milliseconds from the `prepare` to this answer.
    pub ms: f64,
    /// Milliseconds from this answer until the load begins; 0 unless planned.
    pub begins_in_ms: f64,
    /// Why there is no such model in memory.
    pub error: Option<DispatchError>,
}

/// How it stands with a model that was to be prepared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(rename_all = "snake_case")]
pub enum PrepareState {
    /// It was in memory already.
    Warm,
    /// It was loaded for this.
    Loaded,
    /// It will be loaded in time.
    Planned,
    /// It could not be loaded, or no host has one that suits.
    Failed,
}
