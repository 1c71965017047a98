//! One Ollama server: whether it answers, its models, its speed.

use std::collections::BTreeMap;

use crate::config::HostConfig;
use crate::event::{HostReport, ModelTag};
use crate::failure::Failure;
use crate::fleet::{Breaker, Model, Residency, Signals};
use crate::learn::{LogMean, Reliability};
use crate::names::{Millis, ModelName};

/// What the last look at a host showed.
#[derive(Clone, Debug, Default)]
pub(crate) enum Contact {
    /// Nobody has looked yet.
    #[default]
    Never,
    Up,
    Down(Failure),
}

#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) config: HostConfig,
    pub(crate) contact: Contact,
    /// When the last look ended.
    pub(crate) looked: Millis,
    /// A look is under way since then.
    pub(crate) looking: Option<Millis>,
    pub(crate) version: Option<String>,
    pub(crate) models: BTreeMap<ModelName, Model>,
    pub(crate) signals: Signals,
    pub(crate) breaker: Breaker,
    /// Decode speed against the prior, pooled over its models: one model teaches the others.
    pub(crate) decode_speed: LogMean,
    /// Prefill speed against the prior, likewise.
    pub(crate) prefill_speed: LogMean,
    /// Bytes a second while loading.
    pub(crate) load_rate: LogMean,
    /// Learned before a restart: prefill, decode and reliability of models not seen yet.
    pub(crate) remembered: BTreeMap<ModelName, (LogMean, LogMean, Reliability)>,
}

impl Host {
    pub(crate) fn new(config: HostConfig) -> Self {
        Self {
            config,
            contact: Contact::Never,
            looked: Millis(0),
            looking: None,
            version: None,
            models: BTreeMap::new(),
            signals: Signals::default(),
            breaker: Breaker::default(),
            decode_speed: LogMean::default(),
            prefill_speed: LogMean::default(),
            load_rate: LogMean::default(),
            remembered: BTreeMap::new(),
        }
    }

    /// Takes in a look that succeeded. Parts it lacks keep their last value.
    pub(crate) fn take(&mut self, report: HostReport) {
        self.contact = Contact::Up;
        self.breaker.close();
        if report.version.is_some() {
            self.version = report.version;
        }
        if let Some(tags) = report.models {
            self.take_tags(tags);
        }
        if let Some(resident) = report.resident {
            for model in self.models.values_mut() {
                model.settle_residency(&resident);
            }
        }
    }

    fn take_tags(&mut self, tags: Vec<ModelTag>) {
        self.models.retain(|name, _| tags.iter().any(|tag| tag.name == name.as_str()));
        for tag in tags {
            let name = ModelName::from(tag.name.as_str());
            if let Some(model) = self.models.get_mut(&name) {
                model.update(tag);
                continue;
            }
            let mut model = Model::new(tag);
            if let Some((prefill, decode, reliability)) = self.remembered.remove(&name) {
                (model.prefill, model.decode, model.reliability) = (prefill, decode, reliability);
            }
            self.models.insert(name, model);
        }
    }

    /// Models whose details nobody has asked for yet.
    pub(crate) fn models_without_details(&mut self) -> impl Iterator<Item = &mut Model> {
        self.models
            .values_mut()
            .filter(|model| model.details.is_none() && !model.details_pending && !model.tag.remote)
    }

    /// Whether a look or a model's details are still to come.
    pub(crate) fn is_settling(&self) -> bool {
        matches!(self.contact, Contact::Never) || self.models.values().any(|model| model.details_pending)
    }

    /// Whether an exporter's `instance` label means this host: the whole label, or its part before the port.
    pub(crate) fn is_instance(&self, label: &str) -> bool {
        let Some(own) = self.config.instance.as_deref() else { return false };
        own == label || label.rsplit_once(':').is_some_and(|(name, _)| name == own)
    }

    /// Bytes of every loaded model.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let bytes = |model: &Model| match model.residency {
            Residency::Cold => 0,
            Residency::Resident { bytes, .. } => bytes,
        };
        self.models.values().map(bytes).fold(0, u64::saturating_add)
    }

    /// Whether a loaded model sits on a GPU: then main memory is not what binds.
    pub(crate) fn uses_gpu(&self) -> bool {
        self.models.values().any(|model| matches!(model.residency, Residency::Resident { on_gpu: true, .. }))
    }
}
