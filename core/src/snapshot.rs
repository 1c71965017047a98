//! What a dispatcher believes, to show, to keep over a restart, and to restore.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::config::Config;
use crate::decision::SignalAge;
use crate::fleet::{Contact, Device, Fleet, Host, Model, Remembered, Residency};
use crate::learn::{Change, Lengths, LogMean, Qualities, Reliability, Sharing, all_shared};
use crate::lifecycle::{Gaps, HabitSnapshot, LifecycleReport};
use crate::names::{HostId, Millis, ModelName};
use crate::range::ConfigError;
use crate::request::{Capability, Task};

/// The version of the format. It changes when an older snapshot can no longer be restored.
const SNAPSHOT_VERSION: u32 = 3;

/// Everything believed at one moment.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct Snapshot {
    /// The version of this format: 3.
    pub version: u32,
    /// When, on the driver's clock.
    pub at: Millis,
    /// Jobs under way.
    pub jobs: u32,
    /// Calls under way.
    pub calls: u32,
    /// Why the metrics server does not answer, if it does not.
    pub metrics: Option<String>,
    /// The fleet.
    pub hosts: Vec<HostSnapshot>,
    /// Learned answer lengths.
    pub lengths: Lengths,
    /// What was said of answers.
    #[serde(default)]
    pub qualities: Qualities,
    /// The model that embeds where callers leave the choice: vectors of two models do not match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedder: Option<ModelName>,
    /// Which models come and go by themselves; absent where that is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub lifecycle: Option<LifecycleReport>,
    /// When models are used, wherever they run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "typescript", ts(as = "Option<Vec<HabitSnapshot>>", optional))]
    pub habits: Vec<HabitSnapshot>,
}

/// One host as it is believed to be.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct HostSnapshot {
    /// Its name.
    pub host: HostId,
    /// `up`, or how it failed, or `unknown`.
    pub state: String,
    /// What the host or the system said, where it is not up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub reason: Option<String>,
    /// Left alone for now, after failures.
    #[serde(default)]
    pub breaker_open: bool,
    /// Ollama's version.
    pub version: Option<String>,
    /// Its models.
    pub models: Vec<ModelSnapshot>,
    /// What an earlier dispatcher learned of models that it has not shown since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remembered: Vec<RememberedModel>,
    /// Its signals with their ages.
    pub signals: Vec<SignalAge>,
    /// Learned decode speed against the prior.
    pub decode_speed: LogMean,
    /// Learned prefill speed against the prior.
    pub prefill_speed: LogMean,
    /// Learned load rate, bytes a second.
    pub load_rate: LogMean,
    /// Learned load speed against the prior.
    pub load_speed: LogMean,
    /// Learned load rate of what the system still has cached, bytes a second.
    pub reload_rate: LogMean,
    /// Surprises of its speed.
    pub change: Change,
    /// `gpu` where a model was seen on one, `cpu` where all were in main memory, `unknown` where none was seen.
    #[serde(default)]
    pub device: Device,
    /// Bytes of models beyond which a load pushes others out: configured, measured or learned, else what is usual.
    #[serde(default)]
    pub memory_bytes: f64,
    /// The other hosts on its machine: as configured, else learned from whether their answers slow one another.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shares_machine_with: Vec<HostId>,
    /// How much its busy runners take from one another: 1 where they share all of the host, 0 where each has a part of its own.
    #[serde(default = "all_shared")]
    pub sharing: f64,
    /// Requests that one of its models is known to answer at a time: configured, or found out.
    #[serde(default = "one")]
    pub parallel: u32,
    /// How much the requests that one of its models answers at a time take from one another: 1 where they share its speed, 0 where
    /// each has all of it.
    #[serde(default = "all_shared")]
    pub batching: f64,
}

fn one() -> u32 {
    1
}

/// What was learned of a model that has not been seen since.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct RememberedModel {
    /// Its tag.
    pub model: ModelName,
    /// Learned prefill rate.
    pub prefill: LogMean,
    /// Learned decode rate.
    pub decode: LogMean,
    /// Learned reliability.
    pub reliability: Reliability,
    /// Learned gaps between its uses.
    #[serde(default, skip_serializing_if = "Gaps::is_empty")]
    #[cfg_attr(feature = "typescript", ts(as = "Option<Gaps>", optional))]
    pub gaps: Gaps,
}

/// One model on a host as it is believed to be.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct ModelSnapshot {
    /// Its tag.
    pub model: ModelName,
    /// Bytes on disk.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub size_bytes: u64,
    /// Parameters, stated or estimated.
    pub parameters: f64,
    /// Loaded now.
    pub resident: bool,
    /// Tokens of context it was trained for, where known.
    pub context_tokens: Option<u32>,
    /// What it can do; absent while nobody knows.
    pub capabilities: Option<Vec<Capability>>,
    /// Expected tokens a second while reading.
    pub prefill_tok_per_s: f64,
    /// Expected tokens a second while writing.
    pub decode_tok_per_s: f64,
    /// Learned prefill rate.
    pub prefill: LogMean,
    /// Learned decode rate.
    pub decode: LogMean,
    /// Learned reliability.
    pub reliability: Reliability,
    /// Learned gaps between its uses.
    #[serde(default, skip_serializing_if = "Gaps::is_empty")]
    #[cfg_attr(feature = "typescript", ts(as = "Option<Gaps>", optional))]
    pub gaps: Gaps,
    /// How good its answers are believed to be, 0 to 1, for each task.
    #[cfg_attr(feature = "typescript", ts(as = "std::collections::BTreeMap<Task, f64>"))]
    pub quality: BTreeMap<Task, f64>,
}

pub(crate) fn snapshot(now: Millis, config: &Config, fleet: &Fleet, lengths: &Lengths) -> Snapshot {
    Snapshot {
        version: SNAPSHOT_VERSION,
        at: now,
        jobs: 0,
        calls: 0,
        metrics: None,
        hosts: fleet.hosts.iter().map(|host| host_snapshot(now, config, fleet, host)).collect(),
        lengths: lengths.clone(),
        qualities: Qualities::default(),
        embedder: None,
        lifecycle: None,
        habits: Vec::new(),
    }
}

fn host_snapshot(now: Millis, config: &Config, fleet: &Fleet, host: &Host) -> HostSnapshot {
    let neighbours = host.neighbours.iter().filter_map(|position| fleet.hosts.get(*position));
    let signal = |reading: crate::fleet::SignalReading| SignalAge {
        host: host.config.id.clone(),
        signal: reading.signal,
        value: reading.value,
        age_ms: reading.age_ms,
        stale: reading.stale,
    };
    let (state, reason) = match &host.contact {
        Contact::Never => ("unknown", ""),
        Contact::Up => ("up", ""),
        Contact::Down(failure) => (failure.kind.as_str(), failure.detail.as_str()),
    };
    HostSnapshot {
        host: host.config.id.clone(),
        state: state.to_owned(),
        reason: (!reason.is_empty()).then(|| reason.to_owned()),
        breaker_open: host.breaker.forbids(now, 0).is_some(),
        version: host.version.clone(),
        models: host.models.values().map(|model| model_snapshot(model)).collect(),
        remembered: host
            .remembered
            .iter()
            .map(|(model, remembered)| remembered_model(model, *remembered))
            .collect(),
        signals: host.signals.readings(now, config.stale_after_ms()).map(signal).collect(),
        decode_speed: host.decode_speed,
        prefill_speed: host.prefill_speed,
        load_rate: host.load_rate,
        reload_rate: host.reload_rate,
        change: host.change,
        device: host.device,
        shares_machine_with: neighbours.map(|other| other.config.id.clone()).collect(),
        memory_bytes: host.memory_bound(now, config.stale_after_ms()),
        sharing: host.sharing.learned(),
        parallel: host.known_slots(),
        batching: host.batching.learned(),
        load_speed: host.load_speed,
    }
}

fn remembered_model(model: &ModelName, remembered: Remembered) -> RememberedModel {
    let Remembered { prefill, decode, reliability, gaps } = remembered;
    RememberedModel { model: model.clone(), prefill, decode, reliability, gaps }
}

fn model_snapshot(model: &Model) -> ModelSnapshot {
    let (prefill_tok_per_s, decode_tok_per_s) = (model.rates.prefill, model.rates.decode);
    let known = model.details.as_ref().map(|details| details.capabilities.clone());
    ModelSnapshot {
        model: model.name.clone(),
        size_bytes: model.tag.size_bytes,
        parameters: model.parameters(),
        resident: model.residency != Residency::Cold,
        context_tokens: model.trained_context(),
        capabilities: known.or_else(|| model.tag.capabilities.clone()),
        prefill_tok_per_s,
        decode_tok_per_s,
        prefill: model.prefill,
        decode: model.decode,
        reliability: model.reliability,
        gaps: model.stay.gaps,
        quality: by_task(model),
    }
}

/// Its quality for each task. Collecting them would bring in a sort of their own.
fn by_task(model: &Model) -> BTreeMap<Task, f64> {
    let mut qualities = BTreeMap::new();
    for (task, quality) in Task::ALL.into_iter().zip(model.quality) {
        qualities.insert(task, quality);
    }
    qualities
}

/// Gives a fresh fleet what a snapshot learned; returns the learned lengths.
pub(crate) fn restore(fleet: &mut Fleet, snapshot: &Snapshot) -> Result<Lengths, ConfigError> {
    if snapshot.version != SNAPSHOT_VERSION {
        let message = format!("is {}; this version restores {SNAPSHOT_VERSION}", snapshot.version);
        return Err(ConfigError::new("snapshot.version", message));
    }
    for kept in &snapshot.hosts {
        let Some(host) = fleet.host_mut(&kept.host) else { continue };
        host.decode_speed = kept.decode_speed;
        host.prefill_speed = kept.prefill_speed;
        host.load_rate = kept.load_rate;
        host.reload_rate = kept.reload_rate;
        host.change = kept.change;
        host.sharing = Sharing::believed(kept.sharing);
        host.batching = Sharing::believed(kept.batching);
        host.found_slots.overlap(kept.parallel);
        host.device = kept.device;
        host.load_speed = kept.load_speed;
        host.estimate();
        for RememberedModel { model, prefill, decode, reliability, gaps } in kept.remembered.clone() {
            host.remembered.insert(model, Remembered { prefill, decode, reliability, gaps });
        }
        for model in &kept.models {
            let ModelSnapshot { prefill, decode, reliability, gaps, .. } = *model;
            host.remembered.insert(model.model.clone(), Remembered { prefill, decode, reliability, gaps });
        }
    }
    fleet.share_experience();
    Ok(snapshot.lengths.clone())
}
