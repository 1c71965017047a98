//! Slots of runners: which calls are answered at the same time, and which wait for others to end.

use crate::dispatch::Dispatcher;
use crate::dispatch::attempt::{Attempt, Phase};
use crate::learn::{Freed, TELLING_MS};
use crate::names::{AttemptId, Millis, ModelName};

impl Dispatcher {
    /// Whether a call made now would be one more than its runner is known to answer at a time.
    pub(super) fn is_beyond_slots(&self, position: usize, model: &ModelName) -> bool {
        let Some(host) = self.fleet.hosts.get(position) else { return false };
        let mates = self.attempts.values().filter(|attempt| is_on(attempt, position, model));
        mates.filter(|attempt| !attempt.running.waits).count() >= host.known_slots() as usize
    }

    /// A piece of this call has come: those that have been answered for a while beside it have slots of their own.
    pub(super) fn note_overlap(&mut self, id: AttemptId) {
        let now = self.now;
        let is_telling = |attempt: &Attempt| match attempt.phase {
            Phase::Answering { first_token, .. } => now.since(first_token) >= TELLING_MS,
            Phase::BeforeFirstToken { .. } => false,
        };
        let Some(attempt) = self.attempts.get(&id).filter(|attempt| is_telling(attempt)) else { return };
        let (position, model) = (attempt.host_position, &attempt.model);
        let mates = self.attempts.values().filter(|mate| is_on(mate, position, model) && is_telling(mate));
        let answers = mates.count() as u32;
        if let Some(host) = self.fleet.hosts.get_mut(position).filter(|_| answers > 1) {
            host.found_slots.overlap(answers);
        }
    }

    /// A call has ended, and its slot is free for one that waits.
    pub(super) fn free_slot(&mut self, ended: &Attempt) {
        let (now, position) = (self.now, ended.host_position);
        if ended.running.loading || ended.running.waits {
            return;
        }
        let Some(known) = self.fleet.hosts.get(position).map(|host| host.known_slots() as usize) else {
            return;
        };
        let was_answered = ended.running.first.is_some();
        let mut mates: Vec<&mut Attempt> =
            self.attempts.values_mut().filter(|attempt| is_on(attempt, position, &ended.model)).collect();
        let answering =
            mates.iter().filter(|mate| mate.running.first.is_some()).count() + usize::from(was_answered);
        let mut at_work = mates.iter().filter(|mate| !mate.running.waits).count();
        for mate in mates.iter_mut().filter(|mate| mate.running.first.is_none()) {
            if was_answered {
                let before = mate.freed.map_or(0, |freed| freed.answering);
                mate.freed = Some(Freed { at: now, answering: before.max(answering as u32) });
            }
            if mate.running.waits && at_work < known {
                (mate.running.waits, mate.work_began) = (false, now);
                at_work += 1;
            }
        }
    }

    /// Whether the call waits, as far as can be told, for one of ours that is being answered by its runner.
    pub(super) fn waits_for_slot(&self, attempt: &Attempt, since: Millis) -> bool {
        let moved = |mate: &Attempt| mate.running.first.is_some() && mate.last_sign() >= since;
        let mut mates =
            self.attempts.values().filter(|mate| is_on(mate, attempt.host_position, &attempt.model));
        attempt.running.waits && mates.any(moved)
    }
}

/// Whether the call is with this runner, its model loaded.
fn is_on(attempt: &Attempt, position: usize, model: &ModelName) -> bool {
    attempt.host_position == position && attempt.model == *model && !attempt.running.loading
}
