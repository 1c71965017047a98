//! What the hosts have to do: the shared clock of each, and the backlog that scoring sees.

use crate::dispatch::Dispatcher;
use crate::dispatch::attempt::Attempt;
use crate::fleet::OWN_BUSY_MEMORY_S;
use crate::names::{Millis, ModelName};
use crate::policy::Backlog;

impl Dispatcher {
    /// Moves time on: each host's shared clock by the runners that were at work on its machine.
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
            let shared_s = self.fleet.hosts.get(attempt.host_position).map_or(0.0, |host| host.shared_s);
            if let Some(backlog) = backlogs.get_mut(attempt.host_position) {
                backlog.add(&attempt.running, shared_s, self.now);
            }
        }
        self.add_loads(&mut backlogs);
        backlogs
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
