//! What people are told of models and hosts that come and go.

use serde::{Deserialize, Serialize};

use crate::lifecycle::LifecycleMode;
use crate::names::{HostId, Millis, ModelName};

/// Which models and hosts come and go, at one moment.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct LifecycleReport {
    /// Whether Smart AI acts by itself.
    pub mode: LifecycleMode,
    /// The other program that acts on this fleet. Absent: this program acts.
    pub standby: Option<String>,
    /// Unloads, loads, starts and stops of the last hour that count against the cap.
    pub actions_last_hour: u32,
    /// The cap of actions in an hour.
    pub max_actions_per_hour: u32,
    /// Gigabyte-hours of memory saved against a host that keeps every model.
    pub saved_gb_hours_always_on: f64,
    /// Gigabyte-hours of memory saved against what each host does by itself.
    pub saved_gb_hours_keep_alive: f64,
    /// Every host that can be started and stopped.
    #[serde(default)]
    pub hosts: Vec<LifecycleHost>,
    /// Every model in memory, and those expected to be used.
    pub models: Vec<LifecycleModel>,
    /// The last actions, newest first; in `dry-run`, those that would have been.
    pub actions: Vec<LifecycleAction>,
}

/// One host that can be started and stopped.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct LifecycleHost {
    /// Its name.
    pub host: HostId,
    /// How it stands.
    pub state: PowerState,
    /// Seconds its start is expected to take.
    pub start_s: f64,
    /// Gigabytes that its stop frees beside its models.
    pub idle_gb: f64,
    /// Seconds since it answers; absent where it does not.
    pub up_s: Option<f64>,
    /// Seconds since anybody was seen to use one of its models.
    pub idle_s: Option<f64>,
    /// Seconds until it is stopped unless it is used; absent where it is not.
    pub stops_in_s: Option<f64>,
    /// Why it runs, stops or sleeps, in words.
    pub why: String,
}

/// How a host stands that can be started and stopped.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, strum::IntoStaticStr,
)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum PowerState {
    /// Nobody has looked yet.
    Unknown,
    /// It answers.
    Up,
    /// It does not answer, and is started when it is needed.
    Asleep,
    /// It is being started.
    Starting,
    /// It is being stopped.
    Stopping,
    /// It does not answer, and is not started for now.
    Down,
}

impl PowerState {
    /// The word used in every interface.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// One model on one host.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct LifecycleModel {
    /// Its host.
    pub host: HostId,
    /// Its tag.
    pub model: ModelName,
    /// In memory.
    pub resident: bool,
    /// Gigabytes (10^9 bytes) it takes in memory.
    pub gb: f64,
    /// Seconds its load is expected to take.
    pub load_s: f64,
    /// Seconds since anybody was seen to use it.
    pub idle_s: Option<f64>,
    /// Seconds it is held after its last use.
    pub hold_s: f64,
    /// Seconds that 95 % of the gaps between its uses do not exceed.
    pub p95_gap_s: Option<f64>,
    /// Uses an hour × seconds of load ÷ gigabytes: what is worth least leaves first.
    pub value_per_gb: f64,
    /// Seconds until it leaves unless it is used; absent where it stays.
    pub leaves_in_s: Option<f64>,
    /// Seconds until its next use, where that comes back by the hour, the day or the week.
    pub expected_in_s: Option<f64>,
    /// Why it stays or leaves, in words.
    pub why: String,
}

/// Something that was done, or would have been.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct LifecycleAction {
    /// Its number, counted from the program's start.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub number: u64,
    /// When, on the driver's clock.
    pub at: Millis,
    /// What.
    pub action: LifecycleActionKind,
    /// Where.
    pub host: HostId,
    /// Which model; absent where all of the host was meant.
    pub model: Option<ModelName>,
    /// Why, in words.
    pub reason: String,
    /// `dry_run`, `begun`, `ok`, or the failure's word.
    pub outcome: String,
    /// Gigabytes (10^9 bytes) of memory that it frees or takes.
    #[serde(default)]
    pub gb: f64,
    /// Milliseconds it took; 0 until it has ended, and in a dry run.
    #[serde(default)]
    pub ms: f64,
}

/// What can be done with a model or a host.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, strum::IntoStaticStr,
)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum LifecycleActionKind {
    /// It leaves memory.
    Unload,
    /// It is loaded before a use that is expected.
    Prewarm,
    /// It is loaded because a caller asked for that.
    Prepare,
    /// The host is started because somebody waits for it.
    Start,
    /// The host is stopped because nobody uses it.
    Stop,
}

impl LifecycleActionKind {
    /// The word used in every interface.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Seconds between two moments.
pub(crate) fn seconds(from: Millis, to: Millis) -> f64 {
    to.since(from) as f64 / 1e3
}

/// A duration as a person says it: `22 min`.
pub(crate) fn duration(seconds: f64) -> String {
    let (count, unit) = if seconds < 90.0 {
        (seconds, "s")
    } else if seconds < 5_400.0 {
        (seconds / 60.0, "min")
    } else if seconds < 172_800.0 {
        (seconds / 3_600.0, "h")
    } else {
        (seconds / 86_400.0, "days")
    };
    format!("{count:.0} {unit}")
}
