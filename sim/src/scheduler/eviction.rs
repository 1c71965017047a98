//! Leaving, expiring and unloading runners.

use std::sync::Arc;

use super::{Nanos, Notice, Runner, Scheduler};
use crate::scheduler::JobId;

impl Scheduler {
    /// The runner to unload for room: an idle one first, else the one whose users are waited for; by shortest session, then name.
    pub(super) fn victim(&self) -> Option<Arc<str>> {
        let by_session_and_name = |a: &(&Arc<str>, bool, Nanos), b: &(&Arc<str>, bool, Nanos)| {
            (a.1, a.2, a.0).cmp(&(b.1, b.2, b.0))
        };
        self.runners
            .iter()
            .map(|(key, runner)| (key, !runner.users.is_empty(), runner.session))
            .min_by(by_session_and_name)
            .map(|(key, ..)| key.clone())
    }

    /// Whether a load of this many bytes would begin at once: nothing is placed or loaded before it, and idle runners make enough room.
    pub fn would_load_now(&self, bytes: u64) -> bool {
        if self.loading.is_some() || self.head.is_some() || !self.pending.is_empty() {
            return false;
        }
        let mut idle: Vec<&Runner> = self.runners.values().filter(|runner| runner.users.is_empty()).collect();
        idle.sort_by_key(|runner| runner.session);
        let (mut used, mut loaded) = (self.used_bytes(), self.runners.len());
        let mut leaving = idle.into_iter();
        loop {
            if loaded == 0 || loaded < self.limits.max_loaded && self.limits.memory.fits_beside(used, bytes) {
                return true;
            }
            let Some(victim) = leaving.next() else { return false };
            used -= victim.bytes;
            loaded -= 1;
        }
    }

    /// Ends a runner's session: unloads it if idle, else when its last user leaves.
    pub(super) fn expire(&mut self, now: Nanos, key: &str) {
        let Some(runner) = self.runners.get_mut(key) else { return };
        runner.timer = None;
        runner.session = 0;
        if runner.users.is_empty() && !runner.is_unloading() {
            self.begin_unload(now, key);
        }
    }

    /// A user leaves: the next one gets the slot, and the last one starts the session's clock.
    pub(super) fn release(&mut self, now: Nanos, key: &str, job: JobId) {
        let Some(runner) = self.runners.get_mut(key) else { return };
        runner.drop_user(job);
        while let Some(next) = runner.next_with_slot() {
            self.notices.push_back(Notice::Slot(next));
        }
        if !runner.users.is_empty() {
            return;
        }
        if runner.session == 0 {
            self.begin_unload(now, key);
        } else {
            let expiry = now.saturating_add(runner.session);
            runner.timer = Some(expiry);
            runner.expires_at = Some(expiry);
        }
    }

    pub(super) fn end_sessions(&mut self, now: Nanos) {
        let ended: Vec<_> = self
            .runners
            .iter()
            .filter(|(_, runner)| runner.timer.is_some_and(|at| at <= now))
            .map(|(key, _)| key.clone())
            .collect();
        for key in ended {
            self.expire(now, &key);
        }
    }

    pub(super) fn end_unloads(&mut self, now: Nanos) {
        let before = self.runners.len();
        self.runners.retain(|_, runner| runner.unloading_until.is_none_or(|at| at > now));
        self.counts.unloads += (before - self.runners.len()) as u64;
    }

    fn begin_unload(&mut self, now: Nanos, key: &str) {
        if let Some(runner) = self.runners.get_mut(key) {
            runner.timer = None;
            runner.unloading_until = Some(now.saturating_add(self.limits.unload_time));
        }
        self.end_unloads(now);
    }
}
