//! Models that come into memory and leave it: seen between two looks, told by requests that waited for a load.
//!
//! Ollama lists a model only once it is loaded, and what it pushes out leaves before that: the two are looks apart.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::registry::Registry;
use smart_ai_core::{Arm, HostId, Usage};

use super::arms::Arms;
use super::family::{Counts, labels, register};
use crate::serve::clock::now_s;
use crate::serve::inventory::{Change, HostView};
use crate::serve::listed::Loaded;

/// How soon after an unload a load counts as a reload.
const RELOAD: Duration = Duration::from_secs(600);
/// How long ago a request may have waited for a load to be the cause of one that a poll shows.
const SAME_LOAD: Duration = Duration::from_secs(30);
/// How long the model that pushed another one out may take to show as loaded: large models take long.
const PUSHED: Duration = Duration::from_secs(60);
const LOADS: [&str; 2] = ["request", FOREIGN];
const UNLOADS: [&str; 5] = ["expired", "evicted", "asked", CONTEXT, FOREIGN];
const EVICTED: &str = "evicted";
const CONTEXT: &str = "context";
const FOREIGN: &str = "foreign";

/// What is counted about comings and goings.
#[derive(Debug)]
pub(super) struct Residency {
    arms: Arc<Arms>,
    looks: Counts,
    errors: Counts,
    loads: Counts,
    unloads: Counts,
    reloads: Counts,
    memory: Mutex<BTreeMap<HostId, Models>>,
}

type Models = BTreeMap<String, Memory>;

/// What is remembered of one model on one host.
#[derive(Clone, Copy, Debug, Default)]
struct Memory {
    /// When it was last found or told to have come.
    came: Option<Instant>,
    loaded_by_request: Option<Instant>,
    /// The last look that showed it.
    seen: Option<Instant>,
    /// It left, and why is not known yet.
    left: Option<Departure>,
    unloaded: Option<(Instant, &'static str)>,
    asked_to_leave: Option<Instant>,
    /// A poll found it loaded, and no request has said that it waited for that.
    unexplained: bool,
}

/// A model that is no longer there.
#[derive(Clone, Copy, Debug)]
struct Departure {
    noticed: Instant,
    context_length: Option<u64>,
}

impl Residency {
    pub(super) fn new(arms: Arc<Arms>, registry: &mut Registry) -> Self {
        let this = Self {
            arms,
            looks: Counts::default(),
            errors: Counts::default(),
            loads: Counts::default(),
            unloads: Counts::default(),
            reloads: Counts::default(),
            memory: Mutex::default(),
        };
        register(registry, "ollama_scrapes_total", "Polls", this.looks.clone());
        let errors = "Polls without an answer";
        register(registry, "ollama_scrape_errors_total", errors, this.errors.clone());
        let loads = "Loads, by whether a request through here waited for it";
        register(registry, "ollama_model_loads_total", loads, this.loads.clone());
        let unloads = "Unloads, by why";
        register(registry, "ollama_model_unloads_total", unloads, this.unloads.clone());
        let reloads = "Loads within ten minutes of an unload, by why it had been unloaded";
        register(registry, "ollama_reloads_total", reloads, this.reloads.clone());
        this
    }

    /// One look was taken in. `busy` says whether a call of a model is under way.
    pub(super) fn looked(&self, host: &HostId, change: &Change, busy: impl Fn(&str) -> bool) {
        for endpoint in change.after.took_s.keys() {
            self.looks.get_or_create(&labels([("host", host.as_str()), ("endpoint", endpoint)])).inc();
        }
        for (endpoint, reason) in &change.failed {
            let labels = labels([("host", host.as_str()), ("endpoint", endpoint), ("reason", reason)]);
            self.errors.get_or_create(&labels).inc();
        }
        self.start_at_zero(host, &change.after);
        let (before, after) = (&change.before.loaded, &change.after.loaded);
        let of = |list: &[Loaded], name: &str| list.iter().find(|model| model.name == name).cloned();
        let loading = change.after.models.iter().any(|tag| of(after, &tag.name).is_none() && busy(&tag.name));
        let now = Instant::now();
        self.with(host, |models| {
            // The first look finds what was loaded before.
            if change.before.answered_s.is_some() {
                for model in after {
                    match of(before, &model.name) {
                        None => self.came(host, models, model, now),
                        Some(old) if old.context_length != model.context_length => {
                            self.count(&self.reloads, host, &model.name, ("cause", CONTEXT));
                        }
                        Some(_) => {}
                    }
                    self.explain(host, models, &model.name, busy(&model.name));
                }
                for model in before.iter().filter(|model| of(after, &model.name).is_none()) {
                    let expired = model.expires_s().is_some_and(|at| at <= now_s() + 1.0);
                    self.left(host, models, model, expired);
                }
                let began = change.after.looked_at.unwrap_or(now);
                self.unseen(host, models, after, began);
                self.settle(host, models, loading.then_some(now));
            }
            for model in after {
                self.memory_of(models, &model.name).seen = Some(now);
            }
        });
    }

    /// A request waited for a load. Several may have waited for the same: it ended at one time for all.
    pub(super) fn loaded_for_request(&self, arm: &Arm, usage: &Usage) {
        let (host, model) = (&arm.host, arm.model.as_str());
        let ms = |ms: f64| Duration::from_secs_f64(ms.clamp(0.0, 1e9) / 1e3);
        let since = ms(usage.total_ms - usage.load_ms);
        let ended = Instant::now().checked_sub(since).unwrap_or_else(Instant::now);
        self.with(host, |models| {
            let memory = *self.memory_of(models, model);
            let apart = |other: Instant| ended.max(other).duration_since(ended.min(other));
            let same = memory.loaded_by_request.is_some_and(|other| apart(other) < ms(usage.load_ms / 2.0));
            if !same {
                let pushed = self.is_pushed(models, model);
                let known = memory.unexplained || memory.unloaded.is_some();
                if memory.left.is_some() {
                    self.gone(host, models, model, if pushed { EVICTED } else { FOREIGN });
                } else if pushed && !known && memory.came.is_some_and(|came| came < ended) {
                    // Out and in again between two looks.
                    self.gone(host, models, model, EVICTED);
                }
                self.count(&self.loads, host, model, ("reason", "request"));
                self.count_reload(host, models, model);
            }
            let memory = self.memory_of(models, model);
            memory.came = memory.came.max(Some(ended));
            memory.loaded_by_request = Some(ended);
            memory.unexplained = false;
        });
    }

    /// A request through here said that the model is no longer needed.
    pub(super) fn asked_to_leave(&self, arm: &Arm) {
        self.with(&arm.host, |models| {
            self.memory_of(models, arm.model.as_str()).asked_to_leave = Some(Instant::now());
        });
    }

    /// A look shows it that the last one did not.
    fn came(&self, host: &HostId, models: &mut Models, model: &Loaded, now: Instant) {
        let left = self.memory_of(models, &model.name).left;
        if let Some(Departure { context_length, .. }) = left {
            let reason = match self.is_pushed(models, &model.name) {
                _ if context_length.is_some() && context_length != model.context_length => CONTEXT,
                true => EVICTED,
                false => FOREIGN,
            };
            self.gone(host, models, &model.name, reason);
        }
        let memory = self.memory_of(models, &model.name);
        memory.came = Some(now);
        memory.unexplained = memory.loaded_by_request.is_none_or(|at| at.elapsed() > SAME_LOAD);
    }

    /// A load the poll saw: a request that still runs may have waited for it, and says so at its end.
    fn explain(&self, host: &HostId, models: &mut Models, model: &str, busy: bool) {
        let memory = self.memory_of(models, model);
        let foreign = !busy && memory.unexplained;
        memory.unexplained &= busy;
        if foreign {
            self.count(&self.loads, host, model, ("reason", FOREIGN));
            self.count_reload(host, models, model);
        }
    }

    /// A look no longer shows it.
    fn left(&self, host: &HostId, models: &mut Models, model: &Loaded, expired: bool) {
        let memory = self.memory_of(models, &model.name);
        memory.loaded_by_request = None;
        memory.left = Some(Departure { noticed: Instant::now(), context_length: model.context_length });
        if expired && memory.asked_to_leave.is_none() {
            self.gone(host, models, &model.name, "expired");
        }
    }

    /// Models that came for a request and were gone before a look, which began then, could show them.
    fn unseen(&self, host: &HostId, models: &mut Models, shown: &[Loaded], began: Instant) {
        let unseen = models.iter().filter(|(name, memory)| {
            let came = memory.loaded_by_request.filter(|at| Some(*at) > memory.seen && *at < began);
            came.is_some() && memory.left.is_none() && !shown.iter().any(|model| model.name == **name)
        });
        for name in unseen.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            self.left(host, models, &Loaded { name, ..Loaded::default() }, false);
        }
    }

    /// Says why models left, where that shows by now. `loading` is the time of a look during which a request waited for a model
    /// that was not there yet.
    fn settle(&self, host: &HostId, models: &mut Models, loading: Option<Instant>) {
        let waiting = models.iter().filter_map(|(name, memory)| Some((name.clone(), memory.left?.noticed)));
        for (name, noticed) in waiting.collect::<Vec<_>>() {
            let asked = self.memory_of(models, &name).asked_to_leave.take();
            let reason = if asked.is_some_and(|at| at.elapsed() < SAME_LOAD) {
                "asked"
            } else if loading.is_some_and(|look| look <= noticed) || self.is_pushed(models, &name) {
                EVICTED
            } else if noticed.elapsed() > PUSHED {
                FOREIGN
            } else {
                continue;
            };
            self.gone(host, models, &name, reason);
        }
    }

    /// Whether another model has come since this one was there.
    fn is_pushed(&self, models: &mut Models, model: &str) -> bool {
        let memory = self.memory_of(models, model);
        let there = memory.seen.max(memory.came);
        let model = self.arms.label("", model);
        models.iter().any(|(name, other)| *name != model && other.came > there)
    }

    fn gone(&self, host: &HostId, models: &mut Models, model: &str, reason: &'static str) {
        let memory = self.memory_of(models, model);
        memory.left = None;
        memory.unloaded = Some((Instant::now(), reason));
        self.count(&self.unloads, host, model, ("reason", reason));
    }

    fn count_reload(&self, host: &HostId, models: &mut Models, model: &str) {
        let unloaded = self.memory_of(models, model).unloaded.take();
        if let Some((_, cause)) = unloaded.filter(|(at, _)| at.elapsed() < RELOAD) {
            self.count(&self.reloads, host, model, ("cause", cause));
        }
    }

    fn with(&self, host: &HostId, change: impl FnOnce(&mut Models)) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        change(memory.entry(host.clone()).or_default());
    }

    fn memory_of<'a>(&self, models: &'a mut Models, model: &str) -> &'a mut Memory {
        models.entry(self.arms.label("", model)).or_default()
    }

    fn count(&self, family: &Counts, host: &HostId, model: &str, (name, value): (&'static str, &str)) {
        let model = self.arms.label(host.as_str(), model);
        family.get_or_create(&labels([("host", host.as_str()), ("model", &model), (name, value)])).inc();
    }

    /// Drops every series of an arm, and what is remembered of it.
    pub(super) fn forget(&self, arm: &Arm) {
        for counts in [&self.loads, &self.unloads, &self.reloads] {
            counts.forget(arm);
        }
        self.with(&arm.host, |models| {
            models.remove(arm.model.as_str());
        });
    }

    /// A rate can be taken from the first event on.
    fn start_at_zero(&self, host: &HostId, view: &HostView) {
        for tag in view.shown().filter(|tag| self.arms.has(host, &tag.name)) {
            let of =
                |name, value| labels([("host", host.as_str()), ("model", tag.name.as_str()), (name, value)]);
            for reason in LOADS {
                drop(self.loads.get_or_create(&of("reason", reason)));
            }
            for reason in UNLOADS {
                drop(self.unloads.get_or_create(&of("reason", reason)));
                drop(self.reloads.get_or_create(&of("cause", reason)));
            }
        }
    }
}
