//! Which exporter measures what, and how to ask for it: the data file `presets.json`.

use crate::event::SignalName;
use serde::{Deserialize, Serialize};

/// One exporter.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct Preset {
    /// Stable word.
    pub name: String,
    /// The exporter's name for people.
    pub exporter: String,
    /// How to get it.
    pub get: String,
    /// What it measures.
    pub signals: Vec<PresetSignal>,
}

/// One signal of an exporter.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct PresetSignal {
    /// What is measured.
    pub signal: SignalName,
    /// `PromQL`: one series per `instance`, in the signal's unit.
    pub expr: String,
    /// `PromQL`: seconds since the scrape, one series per `instance`.
    pub age: String,
    /// Metrics it needs.
    pub metrics: Vec<String>,
}

/// Every preset; where two measure one signal of one instance, the first counts.
pub fn presets() -> Vec<Preset> {
    serde_json::from_str(include_str!("presets.json")).unwrap_or_default()
}
