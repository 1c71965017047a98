//! Which model embeds where the caller leaves the choice: one for the whole fleet, kept, because vectors of two models do
//! not match and an index that holds both finds nothing.

use std::cmp::Reverse;

use crate::dispatch::Dispatcher;
use crate::dispatch::job::FLEET_GRACE_MS;
use crate::fleet::Model;
use crate::names::{JobId, ModelName};
use crate::request::{Capability, Request, Task};

impl Dispatcher {
    /// Names the model of a job that embeds and leaves the choice open. False while hosts that may have a better known one
    /// have not been looked at.
    pub(super) fn name_embedder(&mut self, id: JobId) -> bool {
        let Some(job) = self.jobs.get(&id).filter(|job| is_open(&job.request)) else { return true };
        let settling = self.fleet.hosts.iter().any(|host| host.is_settling(|_| true));
        if self.embedder.is_none() && settling && self.now.since(job.submitted) < FLEET_GRACE_MS {
            return false;
        }
        self.embedder = self.embeds_with();
        let model = self.embedder.clone();
        if let Some(job) = self.jobs.get_mut(&id) {
            job.request.model = model;
        }
        true
    }

    /// The request with the model it would be given; `None` where it names its own, or embeds nothing.
    pub(super) fn with_embedder(&self, request: &Request) -> Option<Request> {
        is_open(request).then(|| Request { model: self.embeds_with(), ..request.clone() })
    }

    /// The model that was chosen before; else that of most hosts, among those the first by name, so that a restart without
    /// history chooses it again.
    fn embeds_with(&self) -> Option<ModelName> {
        let embeds = |model: &&Model| !model.tag.remote && model.has(Capability::Embedding) == Some(true);
        let all =
            || self.fleet.hosts.iter().flat_map(|host| host.models.values()).map(Box::as_ref).filter(embeds);
        let hosts = |name: &ModelName| all().filter(|model| model.name == *name).count();
        let best =
            || all().map(|model| &model.name).min_by_key(|name| (Reverse(hosts(name)), *name)).cloned();
        self.embedder.clone().or_else(best)
    }
}

/// Whether the caller leaves it open which model embeds.
fn is_open(request: &Request) -> bool {
    request.task == Task::Embed && request.model.is_none() && request.models.is_none()
}
