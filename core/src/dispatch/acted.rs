//! Actions on models and hosts, done or only decided on in a dry run: the latest are shown; each is handed out once, to be kept.

use std::collections::VecDeque;

use crate::dispatch::Dispatcher;
use crate::failure::Failure;
use crate::fleet::Host;
use crate::lifecycle::{LifecycleAction, LifecycleActionKind, LifecycleMode};
use crate::names::{HostId, ModelName};

/// How many of the latest actions are shown.
const TOLD: usize = 50;
/// Ended actions kept until the driver takes them; a driver without a history never does.
const ENDED: usize = 200;

/// What was done.
#[derive(Clone, Debug, Default)]
pub(super) struct Acted {
    /// Newest first.
    pub(super) log: VecDeque<LifecycleAction>,
    numbered: u64,
    /// Ended since they were last taken, oldest first.
    ended: VecDeque<LifecycleAction>,
}

impl Acted {
    fn end(&mut self, action: LifecycleAction) {
        if self.ended.len() >= ENDED {
            self.ended.pop_front();
        }
        self.ended.push_back(action);
    }
}

impl Dispatcher {
    /// The next action that has ended, or was decided on in a dry run, until `None`: each once, to be kept.
    pub fn poll_action(&mut self) -> Option<LifecycleAction> {
        self.managing.acted.ended.pop_front()
    }

    pub(super) fn log(
        &mut self,
        mode: LifecycleMode,
        action: LifecycleActionKind,
        host: &HostId,
        model: Option<&ModelName>,
        reason: String,
    ) {
        let outcome = if mode == LifecycleMode::On { "begun" } else { "dry_run" }.to_owned();
        let known = self.fleet.hosts.iter().find(|known| known.config.id == *host);
        let of = |host: &Host| match model {
            Some(name) => Some(self.holding(host, host.models.get(name)?).gb),
            None => host.config.start.as_ref().map(|start| start.idle_gb),
        };
        let gb = known.and_then(of).unwrap_or(0.0);
        let acted = &mut self.managing.acted;
        acted.numbered += 1;
        let (host, model) = (host.clone(), model.cloned());
        let action = LifecycleAction {
            number: acted.numbered,
            at: self.now,
            action,
            host,
            model,
            reason,
            outcome,
            gb,
            ms: 0.0,
        };
        if mode != LifecycleMode::On {
            acted.end(action.clone());
        }
        acted.log.push_front(action);
        acted.log.truncate(TOLD);
    }

    /// The last action of this kind has ended.
    pub(super) fn outcome(
        &mut self,
        kind: LifecycleActionKind,
        host: &HostId,
        model: Option<&ModelName>,
        failure: Option<&Failure>,
    ) {
        let begun = |action: &&mut LifecycleAction| {
            family(action.action) == family(kind)
                && action.host == *host
                && action.model.as_ref() == model
                && action.outcome == "begun"
        };
        let acted = &mut self.managing.acted;
        let Some(action) = acted.log.iter_mut().find(begun) else { return };
        failure.map_or("ok", |failure| failure.kind.as_str()).clone_into(&mut action.outcome);
        action.ms = self.now.since(action.at) as f64;
        let action = action.clone();
        acted.end(action);
    }
}

/// Loads of every cause end alike.
fn family(kind: LifecycleActionKind) -> LifecycleActionKind {
    if kind == LifecycleActionKind::Prewarm { LifecycleActionKind::Prepare } else { kind }
}
