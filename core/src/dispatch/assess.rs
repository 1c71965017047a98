//! How good models are believed to be: worked out when a host shows its models, and when somebody judges an answer.

use crate::dispatch::Dispatcher;
use crate::event::Rating;
use crate::names::{HostId, ModelName};
use crate::policy::qualities;
use crate::request::Task;

impl Dispatcher {
    /// Takes in a judgement of an answer.
    pub(super) fn feedback(&mut self, model: &ModelName, task: Task, rating: Rating) {
        self.qualities.observe(self.now, model, task, rating);
        self.assess(None);
    }

    /// Works out anew how good the models of one host, or of all, are believed to be.
    pub(super) fn assess(&mut self, id: Option<&HostId>) {
        for host in &mut self.fleet.hosts {
            if id.is_some_and(|id| *id != host.config.id) {
                continue;
            }
            for model in host.models.values_mut() {
                model.quality = qualities(&self.priors, &self.qualities, &self.config, model, self.now);
            }
        }
    }
}
