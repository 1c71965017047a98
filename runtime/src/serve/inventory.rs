//! What each host has and holds in memory, as the last looks showed it.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::Value;
use smart_ai_core::HostId;

use crate::driver::Looks;

/// Models of one host that get series of their own.
const MODELS_MAX: usize = 200;
/// The label of every other name.
pub(super) const OTHER: &str = "other";

/// Every host.
#[derive(Debug, Default)]
pub(super) struct Inventory(RwLock<BTreeMap<HostId, HostView>>);

/// One host.
#[derive(Clone, Debug, Default)]
pub(super) struct HostView {
    pub(super) up: bool,
    pub(super) version: Option<String>,
    pub(super) models: Vec<Tag>,
    pub(super) loaded: Vec<Loaded>,
    /// The same as they came, for clients.
    pub(super) raw_models: Vec<Value>,
    pub(super) raw_loaded: Vec<Value>,
    /// Seconds of the last look, by endpoint.
    pub(super) took_s: BTreeMap<&'static str, f64>,
    /// Unix seconds of the last answer.
    pub(super) answered_s: Option<f64>,
}

/// One model of `/api/tags`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tag {
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) modified_at: String,
    pub(super) details: Option<Details>,
}

/// What a tag says of its model.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Details {
    pub(super) family: String,
    pub(super) parameter_size: String,
    pub(super) quantization_level: String,
}

/// One model of `/api/ps`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Loaded {
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) size_vram: u64,
    pub(super) context_length: Option<u64>,
    pub(super) expires_at: String,
}

impl Loaded {
    /// Unix seconds; infinite where it stays for ever.
    pub(super) fn expires_s(&self) -> Option<f64> {
        let seconds = unix_s(&self.expires_at)?;
        // Ollama writes "for ever" as centuries.
        let centuries = now_s() + 100.0 * 366.0 * 86_400.0;
        Some(if seconds > centuries { f64::INFINITY } else { seconds })
    }
}

/// What one look changed.
#[derive(Debug, Default)]
pub(super) struct Change {
    pub(super) before: HostView,
    pub(super) after: HostView,
    /// Endpoints without an answer, each with the failure's word.
    pub(super) failed: Vec<(&'static str, &'static str)>,
}

impl Inventory {
    /// Hosts nobody has looked at yet are down.
    pub(super) fn new(hosts: impl IntoIterator<Item = HostId>) -> Self {
        Self(RwLock::new(hosts.into_iter().map(|host| (host, HostView::default())).collect()))
    }

    pub(super) fn hosts(&self) -> RwLockReadGuard<'_, BTreeMap<HostId, HostView>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a look in. A part that could not be had keeps its last value.
    pub(super) fn take(&self, host: &HostId, looks: Looks<'_>) -> Change {
        let before = self.hosts().get(host).cloned().unwrap_or_default();
        let mut after = before.clone();
        let mut failed = Vec::new();
        for (endpoint, look) in looks {
            after.took_s.insert(endpoint, look.took.as_secs_f64());
            let answer = look.reply.body().map_err(|failure| failure.kind.as_str());
            let read = answer.and_then(|body| {
                let value: Value = serde_json::from_str(body).map_err(|_| "bad_protocol")?;
                after.read(endpoint, value).ok_or("bad_protocol")
            });
            match read {
                Ok(()) => after.answered_s = Some(now_s()),
                Err(reason) => failed.push((endpoint, reason)),
            }
        }
        after.up = !failed.iter().any(|(endpoint, _)| *endpoint == "tags");
        let mut hosts = self.0.write().unwrap_or_else(PoisonError::into_inner);
        hosts.insert(host.clone(), after.clone());
        Change { before, after, failed }
    }

    /// The tag some host has by this name: letter case does not count, and `phi3` means `phi3:latest`.
    pub(super) fn tag(&self, name: &str) -> Option<String> {
        let full = if name.contains(':') { name.to_owned() } else { format!("{name}:latest") };
        let hosts = self.hosts();
        let tags =
            || hosts.values().flat_map(|host| host.models.iter().take(MODELS_MAX)).map(|tag| &tag.name);
        let exact = tags().find(|tag| *tag == name || **tag == full);
        exact.or_else(|| tags().find(|tag| tag.eq_ignore_ascii_case(&full))).cloned()
    }

    /// The label of a model's name: bounded, whatever clients send.
    pub(super) fn label(&self, name: &str) -> String {
        if name.is_empty() { String::new() } else { self.tag(name).unwrap_or_else(|| OTHER.to_owned()) }
    }

    /// Hosts that have the model, those that hold it in memory first.
    pub(super) fn with_model(&self, name: &str) -> Vec<HostId> {
        let Some(tag) = self.tag(name) else { return Vec::new() };
        let hosts = self.hosts();
        let mut found: Vec<(bool, HostId)> = hosts
            .iter()
            .filter(|(_, view)| view.up && view.models.iter().any(|model| model.name == tag))
            .map(|(id, view)| (!view.loaded.iter().any(|model| model.name == tag), id.clone()))
            .collect();
        found.sort();
        found.into_iter().map(|(_, id)| id).collect()
    }
}

impl HostView {
    fn read(&mut self, endpoint: &str, mut value: Value) -> Option<()> {
        if endpoint == "version" {
            self.version = Some(value.get("version")?.as_str()?.to_owned());
            return Some(());
        }
        let list = match value.get_mut("models").map(Value::take) {
            Some(Value::Array(list)) => list,
            Some(Value::Null) => Vec::new(),
            _ => return None,
        };
        let named = || Value::Array(list.clone());
        if endpoint == "tags" {
            self.models = serde_json::from_value(named()).ok()?;
            self.raw_models = list;
        } else {
            self.loaded = serde_json::from_value(named()).ok()?;
            self.raw_loaded = list;
        }
        Some(())
    }

    /// How long the last look took.
    pub(super) fn took(&self, endpoint: &str) -> Duration {
        Duration::from_secs_f64(self.took_s.get(endpoint).copied().unwrap_or(0.0))
    }

    /// Models that get series of their own.
    pub(super) fn shown(&self) -> impl Iterator<Item = &Tag> {
        self.models.iter().take(MODELS_MAX)
    }
}

/// A date as Ollama writes it, as Unix seconds.
pub(super) fn unix_s(date: &str) -> Option<f64> {
    let date: jiff::Timestamp = date.parse().ok()?;
    Some(date.as_microsecond() as f64 / 1e6)
}

pub(super) fn now_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64()
}
