//! A rule that sends each job on at once, as routers without a queue do: with retries elsewhere, and patience that ends.

use std::collections::BTreeMap;

use super::Player;
use crate::virtual_time::fleet::RunnerState;
use crate::virtual_time::job::Job;
use crate::virtual_time::truth::{Occurrence, Truth};

/// A position of a host and one of a model.
pub type Arm = (usize, usize);

/// Tries of one job.
const MOST_TRIES: usize = 6;
/// A host that failed is left alone this long, as `LiteLLM`'s `cooldown_time` has it by default.
const COOLDOWN_S: f64 = 5.0;
/// A job with no arm left is tried again after this long.
const PAUSE_S: f64 = 5.0;
/// A call without a first token for this long is given up.
const PATIENCE_S: f64 = 600.0;

/// Chooses one arm for each job.
pub trait Rule {
    /// An arm out of those that may serve; `None` leaves the job waiting.
    fn choose(&mut self, truth: &Truth<'_>, job: usize, arms: &[Arm]) -> Option<Arm>;
    /// A call of an arm was answered after these seconds.
    fn answered(&mut self, _now: f64, _arm: Arm, _seconds: f64, _job: &Job) {}
}

pub(super) struct AtOnce {
    rule: Box<dyn Rule>,
    tries: BTreeMap<usize, usize>,
    /// Jobs to try again, and calls to look at, by time in microseconds.
    agenda: BTreeMap<(u64, usize), Item>,
    cooling: BTreeMap<usize, f64>,
}

#[derive(Clone, Copy)]
enum Item {
    Retry(usize),
    Impatience(usize),
}

impl AtOnce {
    pub(super) fn new(rule: Box<dyn Rule>) -> Self {
        Self { rule, tries: BTreeMap::new(), agenda: BTreeMap::new(), cooling: BTreeMap::new() }
    }

    fn place(&mut self, truth: &mut Truth<'_>, job: usize) {
        let tries = self.tries.entry(job).or_default();
        *tries += 1;
        if *tries > MOST_TRIES {
            truth.end(job, false);
            return;
        }
        let now = truth.now();
        let warm = |host: &usize| self.cooling.get(host).is_none_or(|until| *until <= now);
        let arms: Vec<Arm> = accepted(truth, job).filter(|(host, _)| warm(host)).collect();
        match self.rule.choose(truth, job, &arms) {
            Some((host, model)) => {
                let call = truth.call(job, host, model, None);
                self.note(now + PATIENCE_S, call, Item::Impatience(call));
            }
            None => self.note(now + PAUSE_S, job, Item::Retry(job)),
        }
    }

    fn note(&mut self, at: f64, number: usize, item: Item) {
        self.agenda.insert(((at * 1e6).ceil() as u64, number), item);
    }

    fn failed(&mut self, truth: &mut Truth<'_>, id: usize) {
        let Some(call) = truth.calls.get(id).copied() else { return };
        self.cooling.insert(call.host, truth.now() + COOLDOWN_S);
        self.place(truth, call.job);
    }
}

impl Player for AtOnce {
    fn arrive(&mut self, truth: &mut Truth<'_>, job: usize) {
        self.place(truth, job);
    }

    fn occur(&mut self, truth: &mut Truth<'_>, occurrence: Occurrence) {
        match occurrence {
            Occurrence::FirstToken(_) => {}
            Occurrence::Answered(id) => {
                let Some(call) = truth.calls.get(id).copied() else { return };
                let now = truth.now();
                if let Some(job) = truth.jobs.get(call.job) {
                    self.rule.answered(now, (call.host, call.model), now - call.began, job);
                }
                truth.end(call.job, true);
            }
            Occurrence::Failed(id, _) => self.failed(truth, id),
        }
    }

    fn wake_at(&self) -> f64 {
        self.agenda.first_key_value().map_or(f64::INFINITY, |((at, _), _)| *at as f64 / 1e6)
    }

    fn wake(&mut self, truth: &mut Truth<'_>) {
        while self.wake_at() <= truth.now() {
            match self.agenda.pop_first() {
                Some((_, Item::Retry(job))) => self.place(truth, job),
                Some((_, Item::Impatience(id))) => {
                    if truth.calls.get(id).is_some_and(|call| !call.over && call.first.is_none()) {
                        truth.abort(id);
                        self.failed(truth, id);
                    }
                }
                None => return,
            }
        }
    }
}

/// Every arm whose model is good enough for the job.
pub(super) fn accepted(truth: &Truth<'_>, job: usize) -> impl Iterator<Item = Arm> {
    let scenario = truth.scenario;
    let class = truth.jobs.get(job).and_then(|job| scenario.classes.get(job.class));
    let models: Vec<usize> = class
        .map(|class| class.models.iter().filter_map(|id| scenario.model(id)).collect())
        .unwrap_or_default();
    (0..scenario.hosts.len()).flat_map(move |host| models.clone().into_iter().map(move |model| (host, model)))
}

/// The model that callers who name one would name: the class's first.
pub(super) fn usual_model(truth: &Truth<'_>, job: usize) -> Option<usize> {
    let class = truth.jobs.get(job).and_then(|job| truth.scenario.classes.get(job.class))?;
    class.models.first().and_then(|id| truth.scenario.model(id))
}

/// The hosts among the arms that have the usual model.
pub(super) fn usual_hosts<'a>(
    truth: &Truth<'_>,
    job: usize,
    arms: &'a [Arm],
) -> impl Iterator<Item = Arm> + 'a {
    let usual = usual_model(truth, job);
    arms.iter().copied().filter(move |(_, model)| Some(*model) == usual)
}

/// Calls under way on a host.
pub(super) fn connections(truth: &Truth<'_>, host: usize) -> usize {
    (0..truth.scenario.models.len()).map(|model| truth.fleet().jobs(host, model)).sum()
}

pub(super) fn is_warm(truth: &Truth<'_>, (host, model): Arm) -> bool {
    truth.fleet().state(host, model) == RunnerState::Loaded
}

/// How fast a host is said to be.
pub(super) fn speed(truth: &Truth<'_>, host: usize) -> f64 {
    truth.scenario.hosts.get(host).map_or(0.0, |host| host.speed)
}
