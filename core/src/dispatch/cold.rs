//! Calls sent to a model that was believed to be loaded: by the time they arrive, it may have been pushed out.

use crate::dispatch::Dispatcher;
use crate::dispatch::attempt::{Attempt, Belief, Phase};
use crate::dispatch::patience::load_late_ms;
use crate::fleet::Residency;
use crate::names::{AttemptId, Millis};
use crate::policy::load_s;

/// Milliseconds that a silent call waits for a look which tells whether its model is loaded at all.
const LOOK_MS: u64 = 1_000;

impl Dispatcher {
    /// A look that began at `since` may show that a call found its model cold: the call then waits for a load, and is given the
    /// time of one.
    pub(super) fn see_cold(&mut self, position: usize, since: Millis) {
        let asked_before = |attempt: &Attempt| {
            let silent = matches!(attempt.phase, Phase::BeforeFirstToken { .. });
            attempt.host_position == position
                && attempt.began < since
                && silent
                && attempt.belief != Belief::Checked
        };
        let unchecked = self.attempts.iter().filter(|(_, attempt)| asked_before(attempt));
        let unchecked: Vec<AttemptId> = unchecked.map(|(id, _)| *id).collect();
        for id in unchecked {
            self.check_loaded(id);
        }
    }

    fn check_loaded(&mut self, id: AttemptId) {
        let (now, loader_s) = (self.now, self.loader_s(id));
        let Some(attempt) = self.attempts.get(&id) else { return };
        let Some(host) = self.fleet.hosts.get(attempt.host_position) else { return };
        let Some(model) = host.models.get(&attempt.model) else { return };
        // A cloud model is never listed as loaded.
        let is_cold = model.residency == Residency::Cold && !model.tag.remote;
        let load_s = loader_s + load_s(host, model, now);
        let (given_ms, late_ms) = (self.load_patience_ms(host, load_s), load_late_ms(host, load_s));
        let others = self.fleet.hosts.len() > 1;
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        attempt.belief = Belief::Checked;
        if !is_cold {
            return;
        }
        (attempt.running.loading, attempt.running.load_s) = (true, load_s);
        (attempt.cold, attempt.alone, attempt.known_share) = (true, loader_s <= 0.0, 0.0);
        attempt.patience.load_ms = given_ms;
        attempt.hedge_at = others.then(|| now.plus(late_ms));
        attempt.phase = Phase::BeforeFirstToken { by: attempt.patience.silence(now) };
    }

    /// Seconds that the loads of other calls on its host still take.
    fn loader_s(&self, id: AttemptId) -> f64 {
        let Some(position) = self.attempts.get(&id).map(|attempt| attempt.host_position) else { return 0.0 };
        let others = self.attempts.iter().filter(|(other, at)| **other != id && at.host_position == position);
        others.map(|(_, attempt)| attempt.running.load_left_s(self.now)).fold(0.0, f64::max)
    }

    /// Before a silent call is given up, its host is looked at, unless it was since the call began: whether one is asked for
    /// and waited for now. A call waits for one look at most.
    pub(super) fn looks_first(&mut self, id: AttemptId) -> bool {
        let by = self.now.plus(LOOK_MS);
        let Some(attempt) = self.attempts.get_mut(&id) else { return false };
        let Phase::BeforeFirstToken { by: until } = &mut attempt.phase else { return false };
        if attempt.belief != Belief::Unchecked {
            return false;
        }
        let Some(host) = self.fleet.hosts.get_mut(attempt.host_position) else { return false };
        (*until, attempt.belief) = (by, Belief::Asked);
        host.suspect = true;
        true
    }
}
