//! Hosts and their models, as the last looks showed them; loads and unloads between looks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::registry::Registry;
use smart_ai_core::{Arm, HostId, Usage};

use super::family::{Counts, Labels, Reading, Readings, Shown, labels, register};
use crate::serve::inventory::{Change, HostView, Inventory, Loaded, Tag, now_s, unix_s};

/// A load this soon after an unload is a reload.
const RELOAD: Duration = Duration::from_secs(600);
/// A load seen by poll belongs to a request that waited for one this short a time ago.
const SAME_LOAD: Duration = Duration::from_secs(30);
const LOADS: [&str; 2] = ["request", "foreign"];
const UNLOADS: [&str; 4] = ["expired", "evicted", "asked", "foreign"];
const CONTEXT: &str = "context";

/// What is counted about hosts.
#[derive(Debug)]
pub(super) struct Hosts {
    inventory: Arc<Inventory>,
    errors: Counts,
    loads: Counts,
    unloads: Counts,
    reloads: Counts,
    memory: Mutex<BTreeMap<(HostId, String), Memory>>,
}

/// What is remembered of one model on one host.
#[derive(Clone, Copy, Debug, Default)]
struct Memory {
    loaded_by_request: Option<Instant>,
    unloaded: Option<(Instant, &'static str)>,
    asked_to_leave: Option<Instant>,
    /// A poll found it loaded, and no request has said that it waited for that.
    unexplained: bool,
}

impl Hosts {
    pub(super) fn new(inventory: Arc<Inventory>, registry: &mut Registry) -> Self {
        let hosts = Self {
            errors: Counts::default(),
            loads: Counts::default(),
            unloads: Counts::default(),
            reloads: Counts::default(),
            memory: Mutex::default(),
            inventory: Arc::clone(&inventory),
        };
        registry.register_collector(Box::new(Shown(View(inventory))));
        let errors = "Polls without an answer";
        register(registry, "ollama_scrape_errors_total", errors, hosts.errors.clone());
        let loads = "Loads, by whether a request through here waited for it";
        register(registry, "ollama_model_loads_total", loads, hosts.loads.clone());
        let unloads = "Unloads seen by poll, by why";
        register(registry, "ollama_model_unloads_total", unloads, hosts.unloads.clone());
        let reloads = "Loads within ten minutes of an unload, by why it had been unloaded";
        register(registry, "ollama_reloads_total", reloads, hosts.reloads.clone());
        hosts
    }

    /// One look was taken in. `busy` says whether a call of a model is under way.
    pub(super) fn looked(&self, host: &HostId, change: &Change, busy: impl Fn(&str) -> bool) {
        for (endpoint, reason) in &change.failed {
            let labels = labels([("host", host.as_str()), ("endpoint", endpoint), ("reason", reason)]);
            self.errors.get_or_create(&labels).inc();
        }
        self.start_at_zero(host, &change.after);
        // The first look finds what was loaded before.
        if change.before.answered_s.is_none() {
            return;
        }
        let (before, after) = (&change.before.loaded, &change.after.loaded);
        let lacks = |list: &[Loaded], name: &str| !list.iter().any(|model| model.name == name);
        let came = after.iter().any(|model| lacks(before, &model.name));
        for model in before.iter().filter(|model| lacks(after, &model.name)) {
            self.unloaded(host, model, came);
        }
        for model in after {
            match before.iter().find(|old| old.name == model.name) {
                None => self.with(host, &model.name, |memory| {
                    memory.unexplained = memory.loaded_by_request.is_none_or(|at| at.elapsed() > SAME_LOAD);
                }),
                Some(old) if old.context_length != model.context_length => {
                    self.count(&self.reloads, host, &model.name, ("cause", CONTEXT));
                }
                Some(_) => {}
            }
            self.explain(host, &model.name, busy(&model.name));
        }
    }

    /// A request waited for a load. Several may have waited for the same: it ended at one time for all.
    pub(super) fn loaded_for_request(&self, arm: &Arm, usage: &Usage) {
        let ms = |ms: f64| Duration::from_secs_f64(ms.clamp(0.0, 1e9) / 1e3);
        let since = ms(usage.total_ms - usage.load_ms);
        let ended = Instant::now().checked_sub(since).unwrap_or_else(Instant::now);
        let mut same = false;
        self.with(&arm.host, arm.model.as_str(), |memory| {
            let apart = |other: Instant| ended.max(other).duration_since(ended.min(other));
            same = memory.loaded_by_request.is_some_and(|other| apart(other) < ms(usage.load_ms / 2.0));
            memory.loaded_by_request = Some(ended);
            memory.unexplained = false;
        });
        if !same {
            self.count(&self.loads, &arm.host, arm.model.as_str(), ("reason", "request"));
            self.count_reload(&arm.host, arm.model.as_str());
        }
    }

    /// A request through here said that the model is no longer needed.
    pub(super) fn asked_to_leave(&self, host: &HostId, model: &str) {
        self.with(host, model, |memory| memory.asked_to_leave = Some(Instant::now()));
    }

    /// A load the poll saw: a request that still runs may have waited for it, and says so at its end.
    fn explain(&self, host: &HostId, model: &str, busy: bool) {
        let mut foreign = false;
        self.with(host, model, |memory| {
            foreign = !busy && memory.unexplained;
            memory.unexplained &= busy;
        });
        if foreign {
            self.count(&self.loads, host, model, ("reason", "foreign"));
            self.count_reload(host, model);
        }
    }

    fn unloaded(&self, host: &HostId, model: &Loaded, another_came: bool) {
        let expired = model.expires_s().is_some_and(|at| at <= now_s() + 1.0);
        self.with(host, &model.name, |memory| {
            let asked = memory.asked_to_leave.take().is_some_and(|at| at.elapsed() < SAME_LOAD);
            let reason = match (asked, expired, another_came) {
                (true, _, _) => "asked",
                (false, true, _) => "expired",
                (false, false, true) => "evicted",
                (false, false, false) => "foreign",
            };
            memory.unloaded = Some((Instant::now(), reason));
            memory.loaded_by_request = None;
            self.count(&self.unloads, host, &model.name, ("reason", reason));
        });
    }

    fn count_reload(&self, host: &HostId, model: &str) {
        let mut cause = None;
        self.with(host, model, |memory| cause = memory.unloaded.take());
        if let Some((_, cause)) = cause.filter(|(at, _)| at.elapsed() < RELOAD) {
            self.count(&self.reloads, host, model, ("cause", cause));
        }
    }

    fn with(&self, host: &HostId, model: &str, change: impl FnOnce(&mut Memory)) {
        let key = (host.clone(), self.inventory.label(model));
        change(self.memory.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default());
    }

    fn count(&self, family: &Counts, host: &HostId, model: &str, (name, value): (&'static str, &str)) {
        let model = self.inventory.label(model);
        family.get_or_create(&labels([("host", host.as_str()), ("model", &model), (name, value)])).inc();
    }

    /// A rate can be taken from the first event on.
    fn start_at_zero(&self, host: &HostId, view: &HostView) {
        for tag in view.shown() {
            let of =
                |name, value| labels([("host", host.as_str()), ("model", tag.name.as_str()), (name, value)]);
            for reason in LOADS {
                drop(self.loads.get_or_create(&of("reason", reason)));
            }
            for reason in UNLOADS {
                drop(self.unloads.get_or_create(&of("reason", reason)));
                drop(self.reloads.get_or_create(&of("cause", reason)));
            }
            drop(self.reloads.get_or_create(&of("cause", CONTEXT)));
        }
    }
}

/// The gauges of every host.
#[derive(Debug)]
struct View(Arc<Inventory>);

impl Readings for View {
    fn read(&self) -> Vec<Reading> {
        let hosts = self.0.hosts();
        let per_host = |name, help, value: &dyn Fn(&HostView) -> Option<f64>| Reading {
            name,
            help,
            values: hosts
                .iter()
                .filter_map(|(id, view)| Some((labels([("host", id.as_str())]), value(view)?)))
                .collect(),
        };
        let mut readings =
            vec![
                per_host("ollama_up", "Whether the host answered the last poll", &|view| {
                    Some(f64::from(u8::from(view.up)))
                }),
                per_host("ollama_last_scrape_timestamp_seconds", "When the host last answered", &|view| {
                    view.answered_s
                }),
                per_host("ollama_models_available", "Models the host has", &|view| {
                    Some(view.models.len() as f64)
                }),
                per_host("ollama_models_loaded", "Models in the host's memory", &|view| {
                    Some(view.loaded.len() as f64)
                }),
            ];
        let version = |name| Reading {
            name,
            help: "The host's version of Ollama",
            values: hosts
                .iter()
                .filter_map(|(id, view)| {
                    Some((labels([("host", id.as_str()), ("version", view.version.as_deref()?)]), 1.0))
                })
                .collect(),
        };
        readings.extend([version("ollama_info"), version("ollama_build_info")]);
        readings.push(Reading {
            name: "ollama_scrape_duration_seconds",
            help: "How long the last poll took",
            values: hosts
                .iter()
                .flat_map(|(id, view)| view.took_s.iter().map(move |(endpoint, took)| (id, endpoint, *took)))
                .map(|(id, endpoint, took)| (labels([("host", id.as_str()), ("endpoint", endpoint)]), took))
                .collect(),
        });
        readings.extend(models(&hosts));
        readings.extend(loaded(&hosts));
        readings
    }
}

type Views = BTreeMap<HostId, HostView>;

fn models(hosts: &Views) -> Vec<Reading> {
    let each = |name, help, value: &dyn Fn(&HostView, &Tag) -> Option<f64>| Reading {
        name,
        help,
        values: hosts
            .iter()
            .flat_map(|(id, view)| view.shown().map(move |tag| (id, view, tag)))
            .filter_map(|(id, view, tag)| Some((arm(id, &tag.name), value(view, tag)?)))
            .collect(),
    };
    let is_loaded = |view: &HostView, tag: &Tag| view.loaded.iter().any(|model| model.name == tag.name);
    let info = |(id, tag): (&HostId, &Tag)| {
        let details = tag.details.clone().unwrap_or_default();
        let mut labels = arm(id, &tag.name);
        labels.push(("family", details.family));
        labels.push(("parameter_size", details.parameter_size));
        labels.push(("quantization", details.quantization_level));
        (labels, 1.0)
    };
    vec![
        each("ollama_model_loaded", "Whether the model is in memory", &|view, tag| {
            Some(f64::from(u8::from(is_loaded(view, tag))))
        }),
        each("ollama_model_disk_bytes", "The model's file", &|_, tag| Some(tag.size as f64)),
        each("ollama_model_modified_timestamp_seconds", "When the model was pulled or made", &|_, tag| {
            unix_s(&tag.modified_at)
        }),
        Reading {
            name: "ollama_model_info",
            help: "What the model is",
            values: hosts
                .iter()
                .flat_map(|(id, view)| view.shown().map(move |tag| (id, tag)))
                .map(info)
                .collect(),
        },
    ]
}

fn loaded(hosts: &Views) -> Vec<Reading> {
    let each = |name, help, value: &dyn Fn(&Loaded) -> Option<f64>| Reading {
        name,
        help,
        values: hosts
            .iter()
            .flat_map(|(id, view)| {
                let known = |model: &&Loaded| view.shown().any(|tag| tag.name == model.name);
                view.loaded.iter().filter(known).map(move |model| (id, model))
            })
            .filter_map(|(id, model)| Some((arm(id, &model.name), value(model)?)))
            .collect(),
    };
    let memory = "Memory the loaded model takes, RAM and VRAM together";
    vec![
        each("ollama_model_size_bytes", memory, &|model| Some(model.size as f64)),
        each("ollama_model_memory_usage_bytes", memory, &|model| Some(model.size as f64)),
        each("ollama_model_vram_bytes", "VRAM the loaded model takes", &|model| Some(model.size_vram as f64)),
        each("ollama_model_context_length_tokens", "Context the model was loaded with", &|model| {
            model.context_length.map(|tokens| tokens as f64)
        }),
        each(
            "ollama_model_expires_timestamp_seconds",
            "When the model leaves memory unless used",
            &|model| model.expires_s(),
        ),
    ]
}

fn arm(host: &HostId, model: &str) -> Labels {
    labels([("host", host.as_str()), ("model", model)])
}
