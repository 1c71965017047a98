//! When a model is used, as it is kept over a restart.

use serde::{Deserialize, Serialize};

use crate::names::{Millis, ModelName};
use crate::request::Request;

/// When one model is used, wherever it runs.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct HabitSnapshot {
    /// Its tag.
    pub model: ModelName,
    /// When uses began after a while without any, oldest first.
    pub starts: Vec<Millis>,
    /// The last request, as an example of the next; it holds no text.
    pub example: Request,
}
