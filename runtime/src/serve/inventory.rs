//! What each host has and holds in memory, as the last looks showed it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Instant;

use smart_ai_core::wire::{read_ps_entries, read_tag_entries, read_version};
use smart_ai_core::{Failure, HostId, ModelName};
use tokio::sync::watch;

use super::clock::now_s;
use super::listed::{Loaded, Tag};
use crate::driver::Looks;

/// Models of one host that get series of their own.
const MODELS_MAX: usize = 200;

/// Every host.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    hosts: RwLock<BTreeMap<HostId, Arc<HostView>>>,
    /// Hosts that are started when they are needed: what they have can be asked for while they sleep.
    startable: BTreeSet<HostId>,
    /// Looks taken in so far.
    looks: watch::Sender<u64>,
}

/// One host.
#[derive(Clone, Debug, Default)]
pub(super) struct HostView {
    pub(super) up: bool,
    pub(super) version: Option<String>,
    pub(super) models: Arc<Vec<Tag>>,
    pub(super) loaded: Vec<Loaded>,
    /// Where each model stands in `models`, by its canonical name.
    places: Arc<BTreeMap<String, usize>>,
    /// Seconds of the last look, by endpoint.
    pub(super) took_s: BTreeMap<&'static str, f64>,
    /// Unix seconds of the last answer.
    pub(super) answered_s: Option<f64>,
    /// When the last look began; `None` before the first has ended.
    pub(super) looked_at: Option<Instant>,
}

/// What one look changed.
#[derive(Debug, Default)]
pub(super) struct Change {
    pub(super) before: Arc<HostView>,
    pub(super) after: Arc<HostView>,
    /// Endpoints without an answer, each with the failure's word.
    pub(super) failed: Vec<(&'static str, &'static str)>,
}

impl Inventory {
    /// Hosts nobody has looked at yet are down.
    pub(super) fn new(hosts: impl IntoIterator<Item = HostId>, startable: BTreeSet<HostId>) -> Self {
        let hosts = hosts.into_iter().map(|host| (host, Arc::default())).collect();
        Self { hosts: RwLock::new(hosts), startable, looks: watch::Sender::default() }
    }

    pub(super) fn hosts(&self) -> RwLockReadGuard<'_, BTreeMap<HostId, Arc<HostView>>> {
        self.hosts.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a look in. A part that could not be had keeps its last value.
    pub(super) fn take(&self, host: &HostId, looks: Looks<'_>) -> Change {
        let before = self.hosts().get(host).cloned().unwrap_or_default();
        let mut after = HostView::clone(&before);
        let mut failed = Vec::new();
        for (endpoint, look) in looks {
            after.took_s.insert(endpoint, look.took.as_secs_f64());
            let read = look.reply.body().and_then(|body| after.read(endpoint, body));
            match read {
                Ok(()) => after.answered_s = Some(now_s()),
                Err(failure) => failed.push((endpoint, failure.kind.as_str())),
            }
        }
        after.up = !failed.iter().any(|(endpoint, _)| *endpoint == "tags");
        after.looked_at = looks.iter().map(|(_, look)| look.began).min();
        let after = Arc::new(after);
        let mut hosts = self.hosts.write().unwrap_or_else(PoisonError::into_inner);
        hosts.insert(host.clone(), Arc::clone(&after));
        drop(hosts);
        self.looks.send_modify(|looks| *looks += 1);
        Change { before, after, failed }
    }

    /// Waits until `known` holds, which is asked again after each look.
    pub(super) async fn until(&self, known: impl Fn(&Self) -> bool) {
        let mut looks = self.looks.subscribe();
        // The sender lives as long as `self`.
        drop(looks.wait_for(|_| known(self)).await);
    }

    /// The tag that some host has by this name, as Ollama would find it.
    pub(super) fn tag(&self, name: &str) -> Option<String> {
        let canonical = ModelName::from(name).canonical();
        let hosts = self.hosts();
        hosts.values().find_map(|host| host.model(&canonical)).map(|tag| tag.name.clone())
    }

    /// Hosts that have the model: those that answer before those that do not, and those that hold it in memory first.
    pub(super) fn with_model(&self, name: &str) -> Vec<Having> {
        let canonical = ModelName::from(name).canonical();
        let hosts = self.hosts();
        let mut found: Vec<Having> = hosts
            .iter()
            .filter(|(_, view)| view.model(&canonical).is_some())
            .map(|(host, view)| Having { down: !view.up, cold: !view.holds(&canonical), host: host.clone() })
            .collect();
        found.sort();
        found
    }

    /// Whether a host is down that nobody starts when it is needed.
    pub(super) fn any_lost(&self) -> bool {
        self.hosts().iter().any(|(id, view)| !view.up && !self.is_startable(id))
    }

    /// Whether a host is started when it is needed.
    pub(super) fn is_startable(&self, host: &HostId) -> bool {
        self.startable.contains(host)
    }

    /// Whether a host sleeps that has never shown what it has.
    pub(super) fn any_unknown_sleeper(&self) -> bool {
        let hosts = self.hosts();
        let asleep = hosts.iter().filter(|(id, view)| !view.up && self.startable.contains(id));
        asleep.map(|(_, view)| view).any(|view| view.models.is_empty())
    }

    /// The models of every host that answers, or that is started when it is needed, each name once, in the hosts' order.
    pub(super) fn each_model<T>(&self, of: impl Fn(&Tag) -> T) -> Vec<T> {
        let hosts = self.hosts();
        let mut seen = BTreeSet::new();
        let there = hosts.iter().filter(|(id, view)| view.up || self.startable.contains(id));
        let tags = there.flat_map(|(_, view)| view.models.iter());
        tags.filter(|tag| seen.insert(ModelName::from(tag.name.as_str()).canonical())).map(of).collect()
    }
}

/// A host that has a model. Sorts before others that serve it less well.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Having {
    pub(super) down: bool,
    pub(super) cold: bool,
    pub(super) host: HostId,
}

impl HostView {
    fn read(&mut self, endpoint: &str, body: &str) -> Result<(), Failure> {
        match endpoint {
            "version" => self.version = Some(read_version(body)?),
            "tags" => {
                let models: Vec<Tag> = read_tag_entries(body)?.into_iter().map(Tag::of).collect();
                let places = models.iter().enumerate().rev();
                let places =
                    places.map(|(place, tag)| (ModelName::from(tag.name.as_str()).canonical(), place));
                self.places = Arc::new(places.collect());
                self.models = Arc::new(models);
            }
            _ => self.loaded = read_ps_entries(body, None)?.into_iter().map(Loaded::of).collect(),
        }
        Ok(())
    }

    fn model(&self, canonical: &str) -> Option<&Tag> {
        self.models.get(*self.places.get(canonical)?)
    }

    fn holds(&self, canonical: &str) -> bool {
        self.loaded.iter().any(|model| ModelName::from(model.name.as_str()).canonical() == canonical)
    }

    /// Models that get series of their own.
    pub(super) fn shown(&self) -> impl Iterator<Item = &Tag> {
        self.models.iter().take(MODELS_MAX)
    }
}
