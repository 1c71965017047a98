//! When to tell whoever would stop a host for idleness that it is in use.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use smart_ai_core::HostId;

/// When hosts were told of last, and which are to be told of though no call of them is under way.
#[derive(Debug, Default)]
pub(super) struct Renewals {
    renewed: BTreeMap<HostId, Instant>,
    /// Hosts that hold what somebody will ask soon, since the last renewal.
    readied: BTreeSet<HostId>,
}

impl Renewals {
    /// A model was prepared on this host.
    pub(super) fn ready(&mut self, host: &HostId) {
        self.readied.insert(host.clone());
    }

    /// Whether the host is to be told of now, which counts as done. Where it was a moment ago, a model that was prepared meanwhile
    /// waits for the next time.
    pub(super) fn are_due(&mut self, host: &HostId, in_use: bool, every: Duration, now: Instant) -> bool {
        let wanted = in_use || self.readied.contains(host);
        if !wanted || !self.fresh_for(host, every, now).is_zero() {
            return false;
        }
        self.readied.remove(host);
        self.renewed.insert(host.clone(), now);
        true
    }

    /// Until when to wait to tell of a model that was prepared; `None` where none was.
    pub(super) fn ready_due_in(&self, host: &HostId, every: Duration, now: Instant) -> Option<Duration> {
        self.readied.contains(host).then(|| self.fresh_for(host, every, now))
    }

    fn fresh_for(&self, host: &HostId, every: Duration, now: Instant) -> Duration {
        let renewed = self.renewed.get(host);
        renewed.map_or(Duration::ZERO, |at| every.saturating_sub(now.saturating_duration_since(*at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_is_prepared_while_the_session_is_fresh_renews_it_when_it_no_longer_is() {
        let (host, every, began) = (HostId::from("nas"), Duration::from_secs(200), Instant::now());
        let mut renewals = Renewals::default();
        assert!(renewals.are_due(&host, true, every, began), "a call begins");
        let later = began + Duration::from_secs(50);
        renewals.ready(&host);
        assert!(!renewals.are_due(&host, false, every, later));
        assert_eq!(renewals.ready_due_in(&host, every, later), Some(Duration::from_secs(150)));
        assert!(renewals.are_due(&host, false, every, began + every));
        assert_eq!(renewals.ready_due_in(&host, every, began + every), None, "once is enough");
        assert!(!renewals.are_due(&host, false, every, began + 2 * every), "nobody uses it");
    }
}
