//! Which exporter measures what, and how to ask for it: the data file `presets.json`.

use serde::Serialize;

use crate::event::SignalName;
use crate::json::Json;
use crate::read::{Deserialize, Read};
use crate::write::Write;

/// One exporter.
#[derive(Clone, PartialEq, Debug, Serialize, Write, Deserialize)]
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
#[derive(Clone, PartialEq, Debug, Serialize, Write, Deserialize)]
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
    const ALL: &str = smart_ai_core_derive::compact_json!(
        "src/wire/presets.json",
        "name",
        "exporter",
        "get",
        "signals",
        "signal",
        "expr",
        "age",
        "metrics"
    );
    read(ALL)
}

/// What the query needs of a preset: the rest is for people, and drivers in JavaScript carry none of it.
#[derive(Deserialize)]
pub(super) struct Queried {
    pub(super) name: String,
    pub(super) signals: Vec<QueriedSignal>,
}

#[derive(Deserialize)]
pub(super) struct QueriedSignal {
    pub(super) signal: SignalName,
    pub(super) expr: String,
    pub(super) age: String,
}

/// The same presets in the same order.
pub(super) fn queried() -> Vec<Queried> {
    const QUERIED: &str = smart_ai_core_derive::compact_json!(
        "src/wire/presets.json",
        "name",
        "signals",
        "signal",
        "expr",
        "age"
    );
    read(QUERIED)
}

fn read<T: Read>(text: &str) -> Vec<T> {
    Vec::read(Json::parse(text).unwrap_or_default()).unwrap_or_default()
}
