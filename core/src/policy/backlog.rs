//! What is ahead on a host: loads before ours, jobs in the model's slots, other runners at work.

use crate::learn::Length;
use crate::names::{AttemptId, Millis, ModelName};
use crate::number::Between as _;

/// A call under way, as scoring sees it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Running {
    pub(crate) attempt: AttemptId,
    pub(crate) model: ModelName,
    pub(crate) began: Millis,
    /// It waits for its model to load.
    pub(crate) loading: bool,
    /// Seconds its load was expected to take from `began`.
    pub(crate) load_s: f64,
    /// Seconds its prompt was expected to take, with the host to itself.
    pub(crate) prefill_s: f64,
    /// What is believed of the answer's length.
    pub(crate) length: Length,
    /// Tokens a second of the answer, with the host to itself.
    pub(crate) decode_rate: f64,
    /// The host's shared clock when its work began.
    pub(crate) shared_began: f64,
    /// The host's shared clock at the first token.
    pub(crate) shared_first: Option<f64>,
    /// Pieces that have come, and the host's shared clock when they were counted.
    pub(crate) written: (u32, f64),
}

/// The least that a load past its expectation still counts for.
const OVERDUE_REST_S: f64 = 0.5;
/// Lateness is believed up to this factor.
const MOST_OVERDUE: f64 = 10.0;
/// Less lateness than this is chance.
const TELLING_LATENESS: f64 = 1.5;
/// A prompt that is read takes up to this many times longer than expected before it counts as late.
const PATIENCE: f64 = 2.0;
/// However fast a call goes, its host is not believed faster than this.
const LEAST_SLOW: f64 = 0.2;
/// Fewer pieces than this tell no rate.
const TELLING_PIECES: u32 = 8;

impl Running {
    /// Seconds until its load is done; zero when it is.
    pub(crate) fn load_left_s(&self, now: Millis) -> f64 {
        if !self.loading {
            return 0.0;
        }
        (self.load_s - now.since(self.began) as f64 / 1e3).max(OVERDUE_REST_S)
    }

    /// Seconds of its prompt still to read, and tokens written, both as far as they can be told.
    pub(crate) fn progress(&self, shared_now: f64) -> (f64, f64) {
        if self.shared_first.is_none() {
            let done = if self.loading { 0.0 } else { shared_now - self.shared_began };
            return ((self.prefill_s - done).max(0.0), 0.0);
        }
        let (pieces, counted) = self.written;
        (0.0, f64::from(pieces) + (shared_now - counted).max(0.0) * self.decode_rate)
    }

    /// Seconds of work it still has, beyond its load, with the host to itself.
    pub(crate) fn work_left_s(&self, shared_now: f64) -> f64 {
        let (prefill_s, written) = self.progress(shared_now);
        prefill_s + self.length.rest(written) / self.decode_rate
    }

    /// How many times slower than expected it goes, 0.2 to 10, and 1 where that may be chance: a slow call is evidence before
    /// it ends.
    pub(crate) fn slowness(&self, shared_now: f64) -> f64 {
        let (elapsed_s, expected_s, fastest) = match (self.shared_first, self.written) {
            (Some(first), (pieces, counted)) if pieces >= TELLING_PIECES => {
                (counted - first, f64::from(pieces) / self.decode_rate, LEAST_SLOW)
            }
            (None, _) if !self.loading => (shared_now - self.shared_began, PATIENCE * self.prefill_s, 1.0),
            (Some(_) | None, _) => return 1.0,
        };
        let ratio = (elapsed_s / expected_s.max(OVERDUE_REST_S)).between(fastest, MOST_OVERDUE);
        if ratio > TELLING_LATENESS || ratio * TELLING_LATENESS < 1.0 { ratio } else { 1.0 }
    }
}

/// One model's runner: the calls it works on and the jobs that wait for it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Runner {
    pub(crate) model: ModelName,
    /// Calls sent to it.
    pub(crate) calls: u32,
    /// Jobs of our own queue that wait for it.
    pub(crate) waiting: u32,
    /// Seconds of work of both, with the host to itself.
    pub(crate) left_s: f64,
    /// Seconds until it is loaded.
    pub(crate) load_left_s: f64,
}

/// What one host has to do.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Backlog {
    pub(crate) runners: Vec<Runner>,
    /// How many times slower than expected its calls go; zero where nothing tells.
    slowness: f64,
}

impl Backlog {
    /// Counts a call under way.
    pub(crate) fn add(&mut self, call: &Running, shared_now: f64, now: Millis) {
        let slowness = call.slowness(shared_now);
        if slowness > 1.0 || self.slowness <= 1.0 && slowness < 1.0 {
            self.slowness = if self.slowness > 1.0 { self.slowness.max(slowness) } else { slowness };
        }
        let (left_s, load_left_s) = (call.work_left_s(shared_now), call.load_left_s(now));
        let runner = self.runner_mut(&call.model);
        runner.calls += 1;
        runner.left_s += left_s;
        runner.load_left_s = runner.load_left_s.max(load_left_s);
    }

    /// Counts a job that waits for an arm, as if it were there: the next one must see it.
    pub(crate) fn reserve(&mut self, model: &ModelName, work_s: f64, load_s: f64) {
        let runner = self.runner_mut(model);
        runner.waiting += 1;
        runner.left_s += work_s;
        runner.load_left_s = runner.load_left_s.max(load_s);
    }

    /// Counts a load that nobody waits for.
    pub(crate) fn load(&mut self, model: &ModelName, load_s: f64) {
        let runner = self.runner_mut(model);
        runner.load_left_s = runner.load_left_s.max(load_s);
    }

    fn runner_mut(&mut self, model: &ModelName) -> &mut Runner {
        let known = self.runners.iter().position(|runner| runner.model == *model);
        let position = known.unwrap_or_else(|| {
            let (model, zero) = (model.clone(), 0.0);
            // Mostly one model of a host is at work.
            if self.runners.is_empty() {
                self.runners = Vec::with_capacity(1);
            }
            self.runners.push(Runner { model, calls: 0, waiting: 0, left_s: zero, load_left_s: zero });
            self.runners.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "the position was found or pushed just above")]
        &mut self.runners[position]
    }

    pub(crate) fn runner(&self, model: &ModelName) -> Option<&Runner> {
        self.runners.iter().find(|runner| runner.model == *model)
    }

    /// Calls sent to the host.
    pub(crate) fn calls(&self) -> u32 {
        self.runners.iter().map(|runner| runner.calls).sum()
    }

    /// How many times slower than expected the host goes, 0.2 to 10.
    pub(crate) fn slowness(&self) -> f64 {
        if self.slowness > 0.0 { self.slowness } else { 1.0 }
    }

    /// Seconds until the serial loader has done what it has.
    pub(crate) fn loader_s(&self) -> f64 {
        self.runners.iter().map(|runner| runner.load_left_s).fold(0.0, f64::max)
    }

    /// Seconds until a job of `own_s` may begin in a runner that has `slots`, or, where a slot is free, that the runner's
    /// other calls take from it.
    pub(crate) fn queue_s(runner: Option<&Runner>, slots: u32, own_s: f64) -> f64 {
        match runner {
            None => 0.0,
            Some(runner) if runner.calls + runner.waiting >= slots => runner.left_s,
            Some(runner) => runner.left_s.min(own_s * f64::from(runner.calls + runner.waiting)),
        }
    }

    /// Runners that have work left, one at least.
    pub(crate) fn busy(&self) -> f64 {
        self.runners.iter().filter(|runner| runner.left_s > 0.0).count().max(1) as f64
    }

    /// Runners of other models that will be at work, and the seconds each has left after `later_s` seconds from now, in which
    /// `busy` runners share the host.
    pub(crate) fn others<'a>(
        &'a self,
        model: &'a ModelName,
        busy: f64,
        later_s: f64,
    ) -> impl Iterator<Item = f64> + 'a {
        self.runners
            .iter()
            .filter(move |runner| runner.model != *model)
            .map(move |runner| (runner.left_s - (later_s - runner.load_left_s).max(0.0) / busy).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(model: &str, prefill_s: f64, tokens: f64) -> Running {
        Running {
            attempt: AttemptId(1),
            model: model.into(),
            began: Millis(0),
            loading: false,
            load_s: 0.0,
            prefill_s,
            length: Length { mean_ln: libm::log(tokens), sigma: 0.0, cap: 1e9 },
            decode_rate: 10.0,
            shared_began: 0.0,
            shared_first: None,
            written: (0, 0.0),
        }
    }

    fn backlog(calls: &[Running], shared_now: f64) -> Backlog {
        let mut backlog = Backlog::default();
        for call in calls {
            backlog.add(call, shared_now, Millis(0));
        }
        backlog
    }

    #[test]
    fn one_slot_makes_the_next_job_wait_and_two_do_not() {
        let backlog = backlog(&[call("m", 0.0, 100.0)], 0.0);
        let at = |slots| Backlog::queue_s(backlog.runner(&"m".into()), slots, 1.0);
        assert!((at(1) - 10.0).abs() < 1e-9 && (at(2) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_job_that_waits_counts_for_the_next_one() {
        let mut backlog = Backlog::default();
        backlog.reserve(&"m".into(), 4.0, 2.0);
        assert!((Backlog::queue_s(backlog.runner(&"m".into()), 1, 1.0) - 4.0).abs() < 1e-9);
        assert!((backlog.loader_s() - 2.0).abs() < 1e-9);
    }

    #[test]
    fn a_call_past_its_time_counts_as_evidence() {
        let waiting = call("m", 2.0, 10.0);
        assert!((waiting.slowness(16.0) - 4.0).abs() < 1e-9);
        let mut slow = call("m", 0.0, 100.0);
        slow.shared_first = Some(0.0);
        slow.written = (20, 8.0);
        assert!((slow.slowness(13.0) - 4.0).abs() < 1e-9);
        assert!(call("m", 2.0, 1.0).slowness(1e9) <= MOST_OVERDUE);
    }

    #[test]
    fn what_is_written_is_no_longer_to_come() {
        let mut half = call("m", 1.0, 100.0);
        assert!((half.work_left_s(0.0) - 11.0).abs() < 1e-9);
        half.shared_first = Some(1.0);
        half.written = (50, 6.0);
        assert!((half.work_left_s(6.0) - 5.0).abs() < 0.6, "{}", half.work_left_s(6.0));
    }
}
