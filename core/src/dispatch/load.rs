//! What the hosts have to do: how far their calls are, and the backlog that scoring sees.

use std::collections::BTreeMap;

use crate::dispatch::Dispatcher;
use crate::dispatch::attempt::Attempt;
use crate::fleet::OWN_BUSY_MEMORY_S;
use crate::fleet::dynamics::slowed;
use crate::names::{AttemptId, Millis, ModelName};
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
        let (runners, places) = runners_under_way(&self.attempts);
        let mut busy = vec![0; self.fleet.hosts.len()];
        for runner in runners.iter().filter(|runner| runner.is_loaded) {
            if let Some(count) = busy.get_mut(runner.position) {
                *count += 1;
            }
        }
        let at_work: Vec<usize> = runners.into_iter().map(|runner| runner.at_work).collect();
        let on = |position: &usize| busy.get(*position).copied().unwrap_or(0);
        let mut machines = Vec::with_capacity(busy.len());
        for (position, host) in self.fleet.hosts.iter_mut().enumerate() {
            let machine = on(&position) + host.neighbours.iter().map(on).sum::<usize>();
            host.advance(elapsed_s, new_share, machine, on(&position));
            machines.push(machine);
        }
        // Each call at work has had these seconds, less what other runners of its machine and other slots of its own took.
        let calls =
            self.attempts.values_mut().zip(places).filter(|(attempt, _)| attempt.running.is_at_work());
        for (attempt, place) in calls {
            let position = attempt.host_position;
            let Some((host, machine)) = self.fleet.hosts.get(position).zip(machines.get(position)) else {
                continue;
            };
            let mates = at_work.get(place).copied().unwrap_or(1);
            let slot_s = elapsed_s / slowed(mates, host.batching.taken());
            attempt.running.had.slot_s += slot_s;
            attempt.running.had.alone_s += slot_s / slowed(*machine, host.sharing.taken());
        }
    }

    /// What every host has to do, by position: the calls under way.
    pub(super) fn backlogs(&self) -> Vec<Backlog> {
        self.backlogs_where(|_| true)
    }

    /// What every host has to do, by position, where only some of the calls under way count.
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
            // Any of them may be the one that the server waits for, whomever it is expected to evict.
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

/// A model on a host with calls of ours.
struct RunnerUnderWay<'a> {
    position: usize,
    model: &'a ModelName,
    /// One of the calls found it loaded.
    is_loaded: bool,
    /// Calls that are being answered, or whose prompt is read.
    at_work: usize,
}

/// The runners of these calls, and for each call the place of its runner.
fn runners_under_way(attempts: &BTreeMap<AttemptId, Attempt>) -> (Vec<RunnerUnderWay<'_>>, Vec<usize>) {
    let mut runners: Vec<RunnerUnderWay<'_>> = Vec::with_capacity(attempts.len());
    let mut places = Vec::with_capacity(attempts.len());
    for attempt in attempts.values() {
        let (position, model) = (attempt.host_position, &attempt.model);
        let known = runners.iter().position(|runner| (runner.position, runner.model) == (position, model));
        let place = known.unwrap_or(runners.len());
        if known.is_none() {
            runners.push(RunnerUnderWay { position, model, is_loaded: false, at_work: 0 });
        }
        if let Some(runner) = runners.get_mut(place) {
            runner.is_loaded |= !attempt.running.loading;
            runner.at_work += usize::from(attempt.running.is_at_work());
        }
        places.push(place);
    }
    (runners, places)
}
