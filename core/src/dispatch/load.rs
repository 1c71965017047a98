//! What the hosts have to do: how far their calls are, and the backlog that scoring sees.

use crate::dispatch::Dispatcher;
use crate::dispatch::attempt::Attempt;
use crate::fleet::OWN_BUSY_MEMORY_S;
use crate::fleet::dynamics::slowed;
use crate::names::{Millis, ModelName};
use crate::policy::Backlog;

impl Dispatcher {
    /// Moves time on: what each host was busy with, and what each call has had of its host.
    pub(super) fn advance(&mut self, now: Millis) {
        let elapsed_s = now.since(self.now) as f64 / 1e3;
        self.now = self.now.max(now);
        self.note_in_use();
        if elapsed_s <= 0.0 {
            return;
        }
        let new_share = 1.0 - libm::exp(-elapsed_s / OWN_BUSY_MEMORY_S);
        let busy = self.busy_runners();
        for (position, host) in self.fleet.hosts.iter_mut().enumerate() {
            let on = |position: &usize| busy.get(*position).copied().unwrap_or(0);
            let machine = on(&position) + host.neighbours.iter().map(on).sum::<usize>();
            host.advance(elapsed_s, new_share, machine, on(&position));
        }
        self.advance_calls(elapsed_s, &busy);
    }

    /// Each call at work has had these seconds, less what other runners of its machine and other slots of its own took.
    fn advance_calls(&mut self, elapsed_s: f64, busy: &[usize]) {
        let on = |position: &usize| busy.get(*position).copied().unwrap_or(0);
        let mut runners: Vec<(usize, &ModelName, usize)> = Vec::with_capacity(self.attempts.len());
        let mut places = Vec::with_capacity(self.attempts.len());
        for attempt in self.attempts.values() {
            let same = |runner: &(usize, &ModelName, usize)| {
                (runner.0, runner.1) == (attempt.host_position, &attempt.model)
            };
            let known = runners.iter().position(same);
            let place = known.unwrap_or(runners.len());
            if known.is_none() {
                runners.push((attempt.host_position, &attempt.model, 0));
            }
            if let Some((_, _, count)) = runners.get_mut(place) {
                *count += usize::from(attempt.running.is_at_work());
            }
            places.push(place);
        }
        let counts: Vec<usize> = runners.into_iter().map(|(_, _, count)| count).collect();
        let at_work = |place: usize| counts.get(place).copied().unwrap_or(1);
        for (attempt, place) in self.attempts.values_mut().zip(places) {
            let Some(host) = self.fleet.hosts.get(attempt.host_position) else { continue };
            if attempt.running.is_at_work() {
                let machine = on(&attempt.host_position) + host.neighbours.iter().map(on).sum::<usize>();
                let slot_s = elapsed_s / slowed(at_work(place), host.batching.taken);
                attempt.running.had.slot_s += slot_s;
                attempt.running.had.alone_s += slot_s / slowed(machine, host.sharing.taken);
            }
        }
    }

    /// Runners at work, by host position.
    fn busy_runners(&self) -> Vec<usize> {
        let mut busy = vec![0; self.fleet.hosts.len()];
        let mut seen: Vec<(usize, &ModelName)> = Vec::with_capacity(self.attempts.len());
        for attempt in self.attempts.values().filter(|attempt| !attempt.running.loading) {
            let Some(count) = busy.get_mut(attempt.host_position) else { continue };
            let runner = (attempt.host_position, &attempt.model);
            // The first on its host need not be looked for.
            if *count > 0 && seen.contains(&runner) {
                continue;
            }
            seen.push(runner);
            *count += 1;
        }
        busy
    }

    /// What every host has to do, by position: the calls under way.
    pub(super) fn backlogs(&self) -> Vec<Backlog> {
        self.backlogs_where(|_| true)
    }

    /// The same of some of the calls under way.
    pub(super) fn backlogs_where(&self, counts: impl Fn(&Attempt) -> bool) -> Vec<Backlog> {
        let mut backlogs = vec![Backlog::default(); self.fleet.hosts.len()];
        for attempt in self.attempts.values().filter(|attempt| counts(attempt)) {
            if let Some(backlog) = backlogs.get_mut(attempt.host_position) {
                backlog.add(&attempt.running, self.now);
            }
        }
        self.add_loads(&mut backlogs);
        self.close_for_loads(&mut backlogs);
        backlogs
    }

    /// A call that found its model gone waits, with every load behind it, until a busy runner has done its work and leaves. A call
    /// that reaches that runner meanwhile would let it stay: it gets none.
    fn close_for_loads(&self, backlogs: &mut [Backlog]) {
        for attempt in self.attempts.values().filter(|attempt| attempt.running.loading) {
            let position = attempt.host_position;
            let eviction = self.eviction(position, &attempt.model, backlogs);
            if eviction.drain_s <= 0.0 {
                continue;
            }
            let Some(backlog) = backlogs.get_mut(position) else { continue };
            for runner in backlog.runners.iter_mut().filter(|runner| runner.model != attempt.model) {
                runner.is_closed |= runner.calls > 0;
            }
        }
    }

    /// What each host has to do, and beside it the jobs of our own queue, each on the arm that it waits for.
    pub(super) fn backlogs_with_queue(&self) -> Vec<Backlog> {
        let mut backlogs = self.backlogs();
        for wish in self.jobs.values().filter_map(|job| job.wish.as_ref()) {
            self.reserve(&mut backlogs, wish);
        }
        backlogs
    }
}
