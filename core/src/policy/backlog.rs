//! What is ahead on a host: loads before ours, jobs in the model's slots, other runners at work.

use crate::fleet::dynamics::slowed;
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
    /// It was sent beyond the slots that are known, and may wait for one.
    pub(crate) waits: bool,
    /// Seconds its load was expected to take from `began`.
    pub(crate) load_s: f64,
    /// Seconds its prompt was expected to take, with the host to itself.
    pub(crate) prefill_s: f64,
    /// What is believed of the answer's length.
    pub(crate) length: Length,
    /// Tokens a second of the answer, with the host to itself.
    pub(crate) decode_rate: f64,
    /// Seconds of its host that it has had since its model was loaded.
    pub(crate) had: Had,
    /// Seconds of its host that it had had when the first token came.
    pub(crate) first: Option<Had>,
    /// Pieces that have come, and the seconds in `had` when they were counted.
    pub(crate) written: (u32, f64),
}

/// Seconds that a call has had of its host: a second counts as less while others slow it.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Had {
    /// Seconds as if it had had the host to itself.
    pub(crate) alone_s: f64,
    /// Seconds as if it had had its own runner to itself: only calls in other slots of that runner slow it here.
    pub(crate) slot_s: f64,
}

/// The least seconds that a load past its expected end still counts for.
const OVERDUE_REST_S: f64 = 0.5;
/// The most times slower than expected that a call is believed to be.
const MOST_OVERDUE: f64 = 10.0;
/// Calls less than this many times slower than expected count as on time: the difference may be chance.
const TELLING_LATENESS: f64 = 1.5;
/// A prompt that is read takes up to this many times longer than expected before it counts as late.
const PATIENCE: f64 = 2.0;
/// The least slowness a call may show: its host is believed five times as fast as expected at most.
const LEAST_SLOW: f64 = 0.2;
/// The fewest pieces from which a rate is told.
const TELLING_PIECES: u32 = 8;

impl Running {
    /// Whether it has a slot of a loaded model, as far as can be told.
    pub(crate) fn is_at_work(&self) -> bool {
        !self.loading && !self.waits
    }

    /// Seconds until its load is done; zero when it is.
    pub(crate) fn load_left_s(&self, now: Millis) -> f64 {
        if !self.loading {
            return 0.0;
        }
        (self.load_s - now.since(self.began) as f64 / 1e3).max(OVERDUE_REST_S)
    }

    /// Seconds of prompt still to read, and tokens written, as far as can be told.
    pub(crate) fn progress(&self) -> (f64, f64) {
        if self.first.is_none() {
            return ((self.prefill_s - self.had.alone_s).max(0.0), 0.0);
        }
        let (pieces, counted) = self.written;
        (0.0, f64::from(pieces) + (self.had.alone_s - counted).max(0.0) * self.decode_rate)
    }

    /// Seconds of work it still has, beyond its load, with the host to itself.
    pub(crate) fn work_left_s(&self) -> f64 {
        let (prefill_s, written) = self.progress();
        prefill_s + self.length.rest(written) / self.decode_rate
    }

    /// How many times slower than expected it goes, 0.2 to 10, and 1 where that may be chance: a slow call is evidence before
    /// it ends.
    pub(crate) fn slowness(&self) -> f64 {
        let (elapsed_s, expected_s, fastest) = match (self.first, self.written) {
            (Some(first), (pieces, counted)) if pieces >= TELLING_PIECES => {
                (counted - first.alone_s, f64::from(pieces) / self.decode_rate, LEAST_SLOW)
            }
            (None, _) if self.is_at_work() => (self.had.alone_s, PATIENCE * self.prefill_s, 1.0),
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
    /// It is to make way for a load, and takes no more calls.
    pub(crate) is_closed: bool,
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
    pub(crate) fn add(&mut self, call: &Running, now: Millis) {
        let slowness = call.slowness();
        if slowness > 1.0 || self.slowness <= 1.0 && slowness < 1.0 {
            self.slowness = if self.slowness > 1.0 { self.slowness.max(slowness) } else { slowness };
        }
        let (left_s, load_left_s) = (call.work_left_s(), call.load_left_s(now));
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

    /// The runner takes no more calls.
    pub(crate) fn close(&mut self, model: &ModelName) {
        self.runner_mut(model).is_closed = true;
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
            self.runners.push(Runner {
                model,
                calls: 0,
                waiting: 0,
                left_s: zero,
                load_left_s: zero,
                is_closed: false,
            });
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

    /// Seconds until a job may begin in a runner with this many `slots`, which slow one another by `batching`; 0 if one is
    /// free.
    pub(crate) fn queue_s(runner: Option<&Runner>, slots: u32, batching: f64) -> f64 {
        match runner {
            Some(runner) if runner.calls + runner.waiting >= slots => {
                runner.left_s * slowed(slots as usize, batching) / f64::from(slots.max(1))
            }
            Some(_) | None => 0.0,
        }
    }

    /// Seconds of work that the calls in other slots of the runner have left, each counted no further than `most_s`.
    pub(crate) fn mates_s(runner: Option<&Runner>, most_s: f64) -> f64 {
        runner.map_or(0.0, |runner| runner.left_s.min(most_s * f64::from(runner.calls + runner.waiting)))
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
            waits: false,
            had: Had::default(),
            first: None,
            written: (0, 0.0),
        }
    }

    fn backlog(calls: &[Running]) -> Backlog {
        let mut backlog = Backlog::default();
        for call in calls {
            backlog.add(call, Millis(0));
        }
        backlog
    }

    fn had(alone_s: f64) -> Had {
        Had { alone_s, slot_s: alone_s }
    }

    #[test]
    fn one_slot_makes_the_next_job_wait_and_two_do_not() {
        let backlog = backlog(&[call("m", 0.0, 100.0)]);
        let runner = backlog.runner(&"m".into());
        let at = |slots| Backlog::queue_s(runner, slots, 1.0);
        assert!((at(1) - 10.0).abs() < 1e-9 && at(2) == 0.0);
        assert!((Backlog::mates_s(runner, 1.0) - 1.0).abs() < 1e-9);
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
        let waiting = Running { had: had(16.0), ..call("m", 2.0, 10.0) };
        assert!((waiting.slowness() - 4.0).abs() < 1e-9);
        let queued = Running { waits: true, ..waiting };
        assert!((queued.slowness() - 1.0).abs() < 1e-9, "it may wait for a slot");
        let mut slow = call("m", 0.0, 100.0);
        slow.first = Some(had(0.0));
        (slow.written, slow.had) = ((20, 8.0), had(13.0));
        assert!((slow.slowness() - 4.0).abs() < 1e-9);
        assert!(Running { had: had(1e9), ..call("m", 2.0, 1.0) }.slowness() <= MOST_OVERDUE);
    }

    #[test]
    fn what_is_written_is_no_longer_to_come() {
        let mut half = call("m", 1.0, 100.0);
        assert!((half.work_left_s() - 11.0).abs() < 1e-9);
        half.first = Some(had(1.0));
        (half.written, half.had) = ((50, 6.0), had(6.0));
        assert!((half.work_left_s() - 5.0).abs() < 0.6, "{}", half.work_left_s());
    }
}
