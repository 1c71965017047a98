//! How fast a host works when several runners share it.
//!
//! Work is measured in nanoseconds at full speed. With sharing, a runner works at host speed ÷ busy runners, and its slots share that evenly.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::scheduler::{JobId, Nanos};

/// The processor of a host.
#[derive(Debug)]
pub struct Machine {
    shared: bool,
    at: Nanos,
    tasks: BTreeMap<JobId, Task>,
    busy: BTreeMap<Arc<str>, u32>,
}

#[derive(Debug)]
struct Task {
    runner: Arc<str>,
    /// Own speed relative to a healthy host.
    pace: f64,
    done: f64,
}

impl Machine {
    /// An idle machine. `shared` makes busy runners slow each other.
    pub fn new(shared: bool) -> Self {
        Self { shared, at: 0, tasks: BTreeMap::new(), busy: BTreeMap::new() }
    }

    /// A job begins to work on a runner at `pace` (1 = full speed).
    pub fn start(&mut self, now: Nanos, job: JobId, runner: Arc<str>, pace: f64) {
        self.advance(now);
        *self.busy.entry(runner.clone()).or_default() += 1;
        self.tasks.insert(job, Task { runner, pace, done: 0.0 });
    }

    /// A job stops working. True if others now work faster.
    pub fn stop(&mut self, now: Nanos, job: JobId) -> bool {
        self.advance(now);
        let Some(task) = self.tasks.remove(&job) else { return false };
        if let Some(count) = self.busy.get_mut(&task.runner) {
            *count -= 1;
            if *count == 0 {
                self.busy.remove(&task.runner);
            }
        }
        self.shared && !self.tasks.is_empty()
    }

    /// Changes a job's own speed.
    pub fn set_pace(&mut self, now: Nanos, job: JobId, pace: f64) {
        self.advance(now);
        if let Some(task) = self.tasks.get_mut(&job) {
            task.pace = pace;
        }
    }

    /// Work that the job has done by `now`.
    pub fn done(&mut self, now: Nanos, job: JobId) -> f64 {
        self.advance(now);
        self.tasks.get(&job).map_or(0.0, |task| task.done)
    }

    /// When the job will have done `work`, if nothing changes.
    pub fn eta(&self, job: JobId, work: f64) -> Nanos {
        self.tasks.get(&job).map_or(self.at, |task| {
            let left = (work - task.done).max(0.0);
            self.at.saturating_add((left / self.rate(task)).ceil() as Nanos)
        })
    }

    fn rate(&self, task: &Task) -> f64 {
        if !self.shared {
            return task.pace;
        }
        let on_runner = self.busy.get(&task.runner).copied().unwrap_or(1).max(1);
        task.pace / self.busy.len().max(1) as f64 / f64::from(on_runner)
    }

    fn advance(&mut self, now: Nanos) {
        let elapsed = now.saturating_sub(self.at) as f64;
        if elapsed > 0.0 {
            let worked: Vec<f64> = self.tasks.values().map(|task| elapsed * self.rate(task)).collect();
            for (task, work) in self.tasks.values_mut().zip(worked) {
                task.done += work;
            }
            self.at = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: JobId = JobId(1);
    const TWO: JobId = JobId(2);

    #[test]
    fn two_busy_runners_halve_each_other_while_both_work() {
        let mut machine = Machine::new(true);
        machine.start(0, ONE, "a".into(), 1.0);
        assert_eq!(machine.eta(ONE, 100.0), 100);
        machine.start(50, TWO, "b".into(), 1.0);
        assert_eq!(machine.eta(ONE, 100.0), 150);
        assert!(machine.stop(90, TWO), "the other speeds up");
        assert_eq!(machine.eta(ONE, 100.0), 120);
        assert!(!machine.stop(120, ONE));
    }

    #[test]
    fn slots_of_one_runner_share_its_part() {
        let mut machine = Machine::new(true);
        machine.start(0, ONE, "a".into(), 1.0);
        machine.start(0, TWO, "a".into(), 1.0);
        machine.start(0, JobId(3), "b".into(), 1.0);
        assert_eq!(machine.eta(ONE, 100.0), 400);
        assert_eq!(machine.eta(JobId(3), 100.0), 200);
    }

    #[test]
    fn without_sharing_only_the_own_pace_counts() {
        let mut machine = Machine::new(false);
        machine.start(0, ONE, "a".into(), 1.0);
        machine.start(0, TWO, "b".into(), 0.5);
        assert_eq!((machine.eta(ONE, 100.0), machine.eta(TWO, 100.0)), (100, 200));
        machine.set_pace(100, TWO, 1.0);
        assert_eq!(machine.eta(TWO, 100.0), 150);
    }
}
