//! Seconds until a model is loaded, and what its load costs others.

use crate::fleet::{Host, Model, PRIOR_LOAD_BYTES_PER_S, Residency};
use crate::learn::USABLE_SHARE;
use crate::names::{Millis, ModelName};
use crate::policy::backlog::Backlog;

/// Milliseconds since a model was in memory within which the system probably still has its file cached.
const CACHED_MS: u64 = 1_800_000;
/// Seconds a load takes whatever the size: the start of the runner.
const LOAD_START_S: f64 = 0.5;
/// Weights take a little more in memory than on disk.
const WEIGHTS_OVERHEAD: f64 = 1.05;
/// Seconds within which a use of an evicted model counts as a load that the eviction caused.
const REGRET_S: f64 = 120.0;

/// 0.5 s + bytes ÷ the host's load rate, from its disk or from what the system cached.
pub(crate) fn load_s(host: &Host, model: &Model, now: Millis) -> f64 {
    let (disk, cached) = host.load_bytes_per_s;
    LOAD_START_S + model.bytes() / if is_cached(model, now) { cached } else { disk }
}

/// Whether the system probably still has the file in memory.
pub(crate) fn is_cached(model: &Model, now: Millis) -> bool {
    model.last_resident.is_some_and(|at| now.since(at) < CACHED_MS)
}

/// Takes a measured load into the host's rates; `cached`: the system had the file in memory when it began.
pub(crate) fn learn_load(now: Millis, host: &mut Host, model_name: &ModelName, seconds: f64, cached: bool) {
    let Some(model) = host.models.get(model_name) else { return };
    let rate = model.bytes() / (seconds - LOAD_START_S).max(0.05);
    if cached {
        host.reload_rate.observe(now, rate);
    } else {
        host.load_rate.observe(now, rate);
    }
    host.load_speed.observe(now, rate / PRIOR_LOAD_BYTES_PER_S);
}

/// What must leave a host's memory before a model can be loaded.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Eviction {
    /// Models that must leave.
    pub(crate) victims: Vec<ModelName>,
    /// Seconds until the last model that must leave has done its work.
    pub(crate) drain_s: f64,
    /// Seconds of loading that the eviction causes: Σ load(v) × P(v is asked for within two minutes), over the evicted models v.
    pub(crate) reload_s: f64,
}

/// A model in memory or on its way there, as the next load sees it.
struct Resident<'a> {
    model: &'a Model,
    bytes: f64,
    left_s: f64,
}

impl<'a> Resident<'a> {
    fn of(model: &'a Model, backlog: &Backlog) -> Option<Self> {
        let runner = backlog.runner(&model.name);
        let bytes = match model.residency {
            Residency::Resident { bytes, .. } => bytes as f64,
            Residency::Cold => runner.map(|_| model.bytes() * WEIGHTS_OVERHEAD)?,
        };
        let left_s = runner.map_or(0.0, |runner| runner.left_s + runner.load_left_s);
        Some(Self { model, bytes, left_s })
    }
}

/// What the models in a host's memory, or on their way there, take together.
#[derive(Clone, Copy)]
pub(crate) struct InMemory {
    bytes: f64,
    count: usize,
}

impl InMemory {
    pub(crate) fn of(host: &Host, backlog: &Backlog) -> Self {
        Self::beside(host, backlog, None)
    }

    /// What the models in memory, or on their way there, take together, `newcomer` left out: the model that needs the room may be
    /// on its way already.
    pub(crate) fn beside(host: &Host, backlog: &Backlog, newcomer: Option<&Model>) -> Self {
        let mut all = Self { bytes: 0.0, count: 0 };
        let is_other = |model: &&Model| newcomer.is_none_or(|newcomer| model.name != newcomer.name);
        let others = host.models.values().map(Box::as_ref).filter(is_other);
        for resident in others.filter_map(|model| Resident::of(model, backlog)) {
            all.bytes += resident.bytes;
            all.count += 1;
        }
        all
    }

    /// Whether a model of this many bytes may be loaded beside the others; `bound`: bytes that models may take together.
    pub(crate) fn takes(self, host: &Host, needed_bytes: f64, bound: f64) -> bool {
        let fits = self.count == 0 || needed_bytes <= (bound - self.bytes) * USABLE_SHARE;
        self.count < host.config.max_loaded as usize && fits
    }
}

impl Eviction {
    /// Whom Ollama would evict for `needed_bytes`: idle runners first, the shortest keep-alive before others, then those
    /// that will be idle soonest.
    pub(crate) fn of(
        host: &Host,
        backlog: &Backlog,
        mut in_memory: InMemory,
        newcomer: &Model,
        needed_bytes: f64,
        bound: f64,
        now: Millis,
    ) -> Self {
        // One that is on its way needs no room of its own.
        let is_coming = |model: &Model| model.name == newcomer.name && model.residency == Residency::Cold;
        let there = host.models.values().filter(|model| !is_coming(model));
        let mut residents: Vec<Resident<'_>> =
            there.filter_map(|model| Resident::of(model, backlog)).collect();
        let kept = |resident: &Resident<'_>| resident.model.kept_s(host.likely_keep_alive_s());
        residents.sort_by(|left, right| {
            let sooner = left.left_s.total_cmp(&right.left_s).then(kept(left).cmp(&kept(right)));
            sooner.then_with(|| left.model.name.cmp(&right.model.name))
        });
        let mut eviction = Self::default();
        // A runner with too small a context makes way for itself.
        for victim in residents {
            let itself = victim.model.name == newcomer.name;
            if !itself && in_memory.takes(host, needed_bytes, bound) {
                continue;
            }
            in_memory.bytes -= victim.bytes;
            in_memory.count -= 1;
            eviction.drain_s = eviction.drain_s.max(victim.left_s);
            eviction.victims.push(victim.model.name.clone());
            if !itself {
                eviction.reload_s +=
                    load_s(host, victim.model, now) * victim.model.demand.soon(now, REGRET_S);
            }
        }
        eviction
    }
}
