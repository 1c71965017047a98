//! Hosts and their models, as the last looks showed them.

use std::collections::BTreeMap;
use std::sync::Arc;

use smart_ai_core::HostId;

use super::family::{Labels, Reading, Readings, labels};
use crate::serve::clock::unix_s;
use crate::serve::inventory::{HostView, Inventory};
use crate::serve::listed::{Loaded, Tag};

/// Letters of a label that a host fills.
const LABEL_MAX: usize = 64;

/// The gauges of every host.
#[derive(Debug)]
pub(super) struct Hosts(pub(super) Arc<Inventory>);

impl Readings for Hosts {
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
                    Some((labels([("host", id.as_str()), ("version", &cut(view.version.as_deref()?))]), 1.0))
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

type Views = BTreeMap<HostId, Arc<HostView>>;

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
        let mut labels = arm(id, &tag.name);
        labels.push(("family", cut(&tag.family)));
        labels.push(("parameter_size", cut(&tag.parameter_size)));
        labels.push(("quantization", cut(&tag.quantization_level)));
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

/// A host's own word as a label.
fn cut(text: &str) -> String {
    text.chars().take(LABEL_MAX).collect()
}

fn arm(host: &HostId, model: &str) -> Labels {
    labels([("host", host.as_str()), ("model", model)])
}
