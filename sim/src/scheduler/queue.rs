//! Placing requests whose model is not loaded: one at a time, in order.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::{Load, LoadError, Nanos, Notice, Pending, Runner, Scheduler};

/// What became of the request at the head.
enum Placement {
    /// It has a runner, a load, an error, or nobody who waits for it.
    Done,
    /// It waits for a runner to unload, and all behind it wait too.
    Waits(Pending),
}

impl Scheduler {
    /// Places pending requests until one loads or waits.
    pub(super) fn place_pending(&mut self, now: Nanos) {
        while self.loading.is_none() {
            let Some(next) = self.head.take().or_else(|| self.pending.pop_front()) else { return };
            if let Placement::Waits(next) = self.place(now, next) {
                self.head = Some(next);
                return;
            }
        }
    }

    fn place(&mut self, now: Nanos, next: Pending) -> Placement {
        loop {
            let (victim, for_room) = match self.runners.get_mut(&next.demand.key) {
                Some(runner) if !runner.needs_reload(&next.demand.options) => {
                    self.reuse(now, next);
                    return Placement::Done;
                }
                Some(_) => (Some(next.demand.key.clone()), false),
                None if self.has_room(next.demand.bytes) => {
                    self.begin_load(now, next);
                    return Placement::Done;
                }
                None => (self.victim(), true),
            };
            let Some(victim) = victim else { return Placement::Waits(next) };
            if !self.mark_victim(now, &victim, for_room) {
                return Placement::Waits(next);
            }
        }
    }

    /// Ends a runner for the head request. True if its place is free already.
    fn mark_victim(&mut self, now: Nanos, victim: &Arc<str>, for_room: bool) -> bool {
        let marked = self.runners.get(victim).is_some_and(|runner| runner.session == 0);
        let count = if for_room { &mut self.counts.evictions } else { &mut self.counts.reloads };
        *count += u64::from(!marked);
        self.expire(now, victim);
        !self.runners.contains_key(victim)
    }

    fn has_room(&self, need: u64) -> bool {
        if self.runners.is_empty() {
            return true;
        }
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
        let Some(Load { job, demand, doom, .. }) = self.loading.take_if(|load| load.ready_at <= now) else { return };
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
        };
        self.runners.insert(demand.key.clone(), runner);
        self.holds.insert(job, demand.key);
        self.notices.push_back(Notice::Ready(job));
    }
}
