//! What is ahead on a host: loads before ours, jobs in the model's slots, other runners at work.

use crate::names::{AttemptId, Millis, ModelName};

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
    /// Seconds of its own work.
    pub(crate) work_s: f64,
    /// Seconds it was expected to take in all.
    pub(crate) expected_s: f64,
}

/// The least that a call past its expectation still counts for.
const OVERDUE_REST_S: f64 = 0.5;
/// Lateness is believed up to this factor.
const MOST_OVERDUE: f64 = 10.0;

impl Running {
    fn elapsed_s(&self, now: Millis) -> f64 {
        now.since(self.began) as f64 / 1e3
    }

    /// Seconds until its load is done; zero when it is.
    pub(crate) fn load_left_s(&self, now: Millis) -> f64 {
        if self.loading { (self.load_s - self.elapsed_s(now)).max(OVERDUE_REST_S) } else { 0.0 }
    }

    /// Seconds of work it still has, beyond its load; never more than it had.
    pub(crate) fn work_left_s(&self, now: Millis) -> f64 {
        let left = self.expected_s - self.elapsed_s(now) - self.load_left_s(now);
        left.clamp(OVERDUE_REST_S.min(self.work_s), self.work_s.max(0.0))
    }

    /// How many times longer than expected it has taken already, from 1 to 10: a slow call is evidence before it ends.
    pub(crate) fn overdue(&self, now: Millis) -> f64 {
        (self.elapsed_s(now) / self.expected_s.max(OVERDUE_REST_S)).clamp(1.0, MOST_OVERDUE)
    }
}

/// What one arm finds before it on its host.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Ahead {
    /// Seconds of loads of other models in the serial loader.
    pub(crate) loader_s: f64,
    /// Seconds left of this model's own load, if a call is loading it already.
    pub(crate) own_load_s: Option<f64>,
    /// Seconds until one of the model's slots is free.
    pub(crate) queue_s: f64,
    /// Largest lateness of any call on the host.
    pub(crate) overdue: f64,
}

impl Ahead {
    pub(crate) fn of(running: &[Running], model: &ModelName, slots: u32, now: Millis) -> Self {
        let mut ahead = Self { overdue: 1.0, ..Self::default() };
        let (mut sharing, mut total_s, mut longest_s) = (0_u32, 0.0_f64, 0.0_f64);
        for call in running {
            ahead.overdue = ahead.overdue.max(call.overdue(now));
            let load_left = call.load_left_s(now);
            if call.model == *model {
                sharing += 1;
                let left = call.work_left_s(now);
                total_s += left;
                longest_s = longest_s.max(left);
                if load_left > 0.0 {
                    ahead.own_load_s = Some(ahead.own_load_s.unwrap_or(0.0).max(load_left));
                }
            } else {
                ahead.loader_s += load_left;
            }
        }
        if sharing >= slots {
            ahead.queue_s = (total_s / f64::from(slots.max(1))).min(total_s).max(0.0);
        }
        ahead
    }
}

/// Seconds lost to other runners busy on the host if nobody else arrives: Σ min(their work left, ours).
/// The same sum is the delay we cause them.
pub(crate) fn interference_s(running: &[Running], model: &ModelName, own_s: f64, now: Millis) -> f64 {
    // A runner works on its calls one after another, so its calls count together.
    let mut sum = 0.0;
    for (index, call) in running.iter().enumerate() {
        let seen = running.iter().take(index).any(|earlier| earlier.model == call.model);
        if call.model == *model || seen {
            continue;
        }
        let left: f64 = running
            .iter()
            .filter(|other| other.model == call.model)
            .map(|other| other.work_left_s(now))
            .sum();
        sum += left.min(own_s);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(model: &str, work_s: f64) -> Running {
        Running {
            attempt: AttemptId(1),
            model: model.into(),
            began: Millis(0),
            loading: false,
            load_s: 0.0,
            work_s,
            expected_s: work_s,
        }
    }

    #[test]
    fn one_slot_makes_the_next_job_wait_and_two_do_not() {
        let running = [call("m", 10.0)];
        let at = |slots| Ahead::of(&running, &"m".into(), slots, Millis(4_000)).queue_s;
        assert!((at(1) - 6.0).abs() < 1e-9 && at(2).abs() < 1e-9);
    }

    #[test]
    fn other_runners_cost_at_most_our_own_time() {
        let running = [call("a", 100.0), call("b", 1.0)];
        assert!((interference_s(&running, &"m".into(), 5.0, Millis(0)) - 6.0).abs() < 1e-9);
        assert!(interference_s(&running, &"a".into(), 5.0, Millis(0)) <= 1.0);
    }

    #[test]
    fn a_call_past_its_time_counts_as_evidence() {
        assert!((call("m", 2.0).overdue(Millis(8_000)) - 4.0).abs() < 1e-9);
        assert!(call("m", 2.0).overdue(Millis(800_000)) <= MOST_OVERDUE);
    }
}
