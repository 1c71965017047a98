//! Placing requests whose model is not loaded: one at a time, in order.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::{Load, LoadError, Nanos, Notice, Pending, Runner, Scheduler};

impl Scheduler {
    /// Places pending requests until one loads or waits.
    pub(super) fn place_pending(&mut self, now: Nanos) {
        while self.loading.is_none() {
            let unloads = self.counts.unloads;
            if self.head.as_ref().is_some_and(|head| head.waits_since == Some(unloads)) {
                return;
            }
            let Some(next) = self.head.take().or_else(|| self.pending.pop_front()) else { return };
            self.head = self.place(now, next);
        }
    }

    /// Gives the request a runner, a load or an error; returns it if it has to wait for an unload, and all behind it wait too.
    fn place(&mut self, now: Nanos, mut next: Pending) -> Option<Pending> {
        loop {
            let (victim, for_room) = match self.runners.get(&next.demand.key) {
                Some(runner) if !runner.needs_reload(&next.demand.options) => {
                    self.reuse(now, next);
                    return None;
                }
                Some(_) => (next.demand.key.clone(), false),
                None => match self.victim() {
                    Some(victim) if !self.has_room(next.demand.bytes) => (victim, true),
                    Some(_) | None => {
                        self.begin_load(now, next);
                        return None;
                    }
                },
            };
            next.waits_since = Some(self.counts.unloads);
            if !self.unload_for(now, &victim, for_room) {
                return Some(next);
            }
        }
    }

    /// Ends a runner for the head request. True if its place is free already.
    fn unload_for(&mut self, now: Nanos, victim: &Arc<str>, for_room: bool) -> bool {
        if self.runners.get(victim).is_some_and(|runner| !runner.is_unloading()) {
            let count = if for_room { &mut self.counts.evictions } else { &mut self.counts.reloads };
            *count += 1;
        }
        self.expire(now, victim);
        !self.runners.contains_key(victim)
    }

    fn has_room(&self, need: u64) -> bool {
        let used = self.runners.values().map(|runner| runner.bytes).sum();
        self.runners.len() < self.limits.max_loaded && self.limits.memory.fits_beside(used, need)
    }

    fn reuse(&mut self, now: Nanos, next: Pending) {
        let Some(runner) = self.runners.get_mut(&next.demand.key) else { return };
        runner.take(next.job, next.demand.session);
        if next.gone {
            self.release(now, &next.demand.key, next.job);
        } else {
            self.holds.insert(next.job, next.demand.key);
            self.notices.push_back(Notice::Ready(next.job));
        }
    }

    fn begin_load(&mut self, now: Nanos, next: Pending) {
        if next.gone {
            return;
        }
        let need = next.demand.bytes;
        if self.limits.refuse_oversize && !self.limits.memory.fits_alone(need) {
            let available = self.limits.memory.total.unwrap_or(u64::MAX);
            self.counts.load_failures += 1;
            self.notices.push_back(Notice::Failed(next.job, LoadError::TooLarge { need, available }));
            return;
        }
        self.counts.loads += 1;
        self.notices.push_back(Notice::LoadStarted(next.job));
        let ready_at = now.saturating_add(next.demand.load_time);
        self.loading = Some(Load { job: next.job, demand: next.demand, ready_at, doom: None });
    }

    pub(super) fn end_load(&mut self, now: Nanos) {
        let Some(Load { job, demand, doom, .. }) = self.loading.take_if(|load| load.ready_at <= now) else {
            return;
        };
        if let Some(reason) = doom {
            self.counts.load_failures += 1;
            self.notices.push_back(Notice::Failed(job, LoadError::Doomed(reason)));
            return;
        }
        let runner = Runner {
            name: demand.name,
            options: demand.options,
            bytes: demand.bytes,
            session: demand.session.unwrap_or(self.limits.keep_alive),
            slots: demand.slots,
            expires_at: None,
            unloading_until: None,
            timer: None,
            users: BTreeSet::from([job]),
            active: BTreeSet::new(),
            waiting: VecDeque::new(),
            prompts: Vec::new(),
        };
        self.runners.insert(demand.key.clone(), runner);
        self.holds.insert(job, demand.key);
        self.notices.push_back(Notice::Ready(job));
    }
}
