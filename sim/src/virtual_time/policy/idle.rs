//! What becomes of models that nobody uses, where it is not the dispatcher that sees to it: the host's own keep-alive, or somebody
//! who knows when each model is used next.

use super::{Player, smart::Smart};
use crate::virtual_time::fleet::RunnerState;
use crate::virtual_time::truth::{Occurrence, Truth};

/// Longer than any run.
pub(super) const FOR_EVER_S: f64 = 1e9;
/// Seconds by which a load ends before the use it is made for.
const SPARE_S: f64 = 0.05;

/// Sends requests as Smart AI does, and unloads each model at once where there is time to load it again before its next use, which it
/// knows.
pub(super) struct ClairvoyantIdle {
    smart: Smart,
    /// Loads to begin, by microseconds, host and model.
    agenda: std::collections::BTreeSet<(u64, usize, usize)>,
}

impl ClairvoyantIdle {
    pub(super) fn new(smart: Smart) -> Self {
        Self { smart, agenda: std::collections::BTreeSet::new() }
    }

    /// When a model is asked for next.
    fn next_use(truth: &Truth<'_>, model: usize) -> f64 {
        let id = truth.scenario.models.get(model).map_or("", |model| model.id.as_str());
        let now = truth.now();
        let first = truth.jobs.partition_point(|job| job.arrives <= now);
        let asks = |job: &&crate::virtual_time::Job| {
            let class = truth.scenario.classes.get(job.class);
            class.and_then(|class| class.models.first()).is_some_and(|usual| usual == id)
        };
        truth.jobs.iter().skip(first).find(asks).map_or(f64::INFINITY, |job| job.arrives)
    }

    fn see_to(&mut self, truth: &mut Truth<'_>) {
        for host in 0..truth.scenario.hosts.len() {
            for model in 0..truth.scenario.models.len() {
                let idle = truth.fleet().state(host, model) == RunnerState::Loaded
                    && truth.fleet().jobs(host, model) == 0;
                if !idle {
                    continue;
                }
                let load_s = truth.fleet().load_s(host, model);
                let next = Self::next_use(truth, model);
                if next - truth.now() > 2.0 * load_s + SPARE_S {
                    truth.unload(host, model);
                    if next.is_finite() {
                        let at = next - load_s - SPARE_S;
                        self.agenda.insert(((at * 1e6) as u64, host, model));
                    }
                }
            }
        }
    }
}

impl Player for ClairvoyantIdle {
    fn arrive(&mut self, truth: &mut Truth<'_>, job: usize) {
        self.smart.arrive(truth, job);
    }

    fn occur(&mut self, truth: &mut Truth<'_>, occurrence: Occurrence) {
        self.smart.occur(truth, occurrence);
        if matches!(occurrence, Occurrence::Answered(id) if truth.calls.get(id).is_some_and(|call| call.job != usize::MAX))
        {
            self.see_to(truth);
        }
    }

    fn wake_at(&self) -> f64 {
        let load = self.agenda.first().map_or(f64::INFINITY, |(at, _, _)| *at as f64 / 1e6);
        self.smart.wake_at().min(load)
    }

    fn wake(&mut self, truth: &mut Truth<'_>) {
        while let Some((at, host, model)) = self.agenda.first().copied() {
            if at as f64 / 1e6 > truth.now() {
                break;
            }
            self.agenda.pop_first();
            truth.load(host, model, Some(FOR_EVER_S));
        }
        if self.smart.wake_at() <= truth.now() {
            self.smart.wake(truth);
        }
    }
}
