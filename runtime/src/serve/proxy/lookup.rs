//! Looks at the hosts again before a model is said to be unknown: it may have been pulled a moment ago, or no look has ended yet.

use std::time::{Duration, Instant};

use serde_json::json;
use smart_ai_core::HostId;

use super::inference::auto;
use crate::serve::lookup::Turn;
use crate::serve::state::Sidecar;

/// How long a request waits for the first look at the hosts.
const FIRST_LOOK: Duration = Duration::from_secs(5);
/// How long a request for an unknown model waits until the hosts have been looked at again.
const NEXT_LOOK: Duration = Duration::from_secs(3);

impl Sidecar {
    /// Returns once what hosts have is known well enough to say who has this model. Bounded in time.
    pub(super) async fn look_for(&self, model: &str) {
        let found =
            || if auto(model).is_some() { self.any_up() } else { self.inventory.tag(model).is_some() };
        if !found() && !self.all_seen() {
            let known = self.inventory.until(|_| found() || self.all_seen());
            // Too late is answered from what is known by then.
            drop(tokio::time::timeout(FIRST_LOOK, known).await);
        }
        if model.is_empty() || auto(model).is_some() || found() {
            return;
        }
        let asked = Instant::now();
        let up: Vec<HostId> =
            self.inventory.hosts().iter().filter(|(_, view)| view.up).map(|(id, _)| id.clone()).collect();
        let seen_again = || {
            let hosts = self.inventory.hosts();
            let again = |host| hosts.get(host).and_then(|view| view.looked_at).is_some_and(|at| at >= asked);
            up.iter().all(again)
        };
        let looked = async {
            self.look_anew(asked).await;
            self.inventory.until(|_| found() || seen_again()).await;
        };
        drop(tokio::time::timeout(NEXT_LOOK, looked).await);
        if !found() && self.inventory.any_unknown_sleeper() {
            // Whether a host that sleeps has it shows when it has been started.
            let known = self.inventory.until(|_| found());
            let prepared = self.engine.prepare(json!({ "model": model }));
            tokio::select! {
                () = known => {}
                _ = prepared => {}
            }
        }
    }

    /// Returns once a look at the hosts was asked for after this moment.
    async fn look_anew(&self, asked: Instant) {
        loop {
            match self.lookup.turn(asked.into()) {
                Turn::Look => return self.engine.look(),
                Turn::Looked => return,
                Turn::Wait { until } => tokio::time::sleep_until(until).await,
            }
        }
    }

    /// Returns once every host has been looked at. Bounded in time.
    pub(super) async fn first_look(&self) {
        drop(tokio::time::timeout(FIRST_LOOK, self.inventory.until(|_| self.all_seen())).await);
    }

    fn any_up(&self) -> bool {
        self.inventory.hosts().values().any(|view| view.up)
    }

    fn all_seen(&self) -> bool {
        self.inventory.hosts().values().all(|view| view.looked_at.is_some())
    }
}
