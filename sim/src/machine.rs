//! How fast a host works when several runners share it.
//!
//! Work is measured in nanoseconds at full speed. Where runners share the host, each works at host speed ÷ (1 + sharing × other busy runners), and
//! its slots share that evenly.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::scheduler::{JobId, Nanos};

/// The processor of a host.
#[derive(Clone, Debug)]
pub struct Machine {
    sharing: Option<f64>,
    speed: f64,
    at: Nanos,
    tasks: BTreeMap<JobId, Task>,
    busy: BTreeMap<Arc<str>, u32>,
}

#[derive(Clone, Debug)]
struct Task {
    runner: Arc<str>,
    /// Own speed relative to a healthy host.
    pace: f64,
    done: f64,
}

impl Machine {
    /// An idle machine of full speed. `sharing` is how much busy runners take from one another: 1 where they share all of the host, 0 where each has
    /// a part of its own; `None` where neither runners nor slots slow each other.
    pub fn new(sharing: Option<f64>) -> Self {
        Self { sharing, speed: 1.0, at: 0, tasks: BTreeMap::new(), busy: BTreeMap::new() }
    }

    /// The host works at this speed from now on, relative to full speed; at 0 it stands still.
    pub fn set_speed(&mut self, now: Nanos, speed: f64) {
        self.advance(now);
        self.speed = speed.max(0.0);
    }

    /// Speed of the host, relative to full speed.
    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// Whether any job works.
    pub fn is_busy(&self) -> bool {
        !self.tasks.is_empty()
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
        self.sharing.is_some() && !self.tasks.is_empty()
    }

    /// Changes a job's own speed.
    pub fn set_pace(&mut self, now: Nanos, job: JobId, pace: f64) {
        self.advance(now);
        if let Some(task) = self.tasks.get_mut(&job) {
            task.pace = pace;
        }
    }

    /// Work that the job has done by `now`.
    pub fn done(&self, now: Nanos, job: JobId) -> f64 {
        let elapsed = now.saturating_sub(self.at) as f64;
        self.tasks.get(&job).map_or(0.0, |task| task.done + elapsed * self.rate(task))
    }

    /// When the job will have done `work`, if nothing changes.
    pub fn eta(&self, job: JobId, work: f64) -> Nanos {
        self.tasks.get(&job).map_or(self.at, |task| {
            let left = (work - task.done).max(0.0);
            self.at.saturating_add((left / self.rate(task)).ceil() as Nanos)
        })
    }

    fn rate(&self, task: &Task) -> f64 {
        let pace = self.speed * task.pace;
        let Some(sharing) = self.sharing else { return pace };
        let on_runner = self.busy.get(&task.runner).copied().unwrap_or(1).max(1);
        pace / (1.0 + sharing * self.busy.len().saturating_sub(1) as f64) / f64::from(on_runner)
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
        let mut machine = Machine::new(Some(1.0));
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
        let mut machine = Machine::new(Some(1.0));
        machine.start(0, ONE, "a".into(), 1.0);
        machine.start(0, TWO, "a".into(), 1.0);
        machine.start(0, JobId(3), "b".into(), 1.0);
        assert_eq!(machine.eta(ONE, 100.0), 400);
        assert_eq!(machine.eta(JobId(3), 100.0), 200);
    }

    #[test]
    fn runners_that_share_a_part_slow_each_other_by_it() {
        let mut machine = Machine::new(Some(0.25));
        machine.start(0, ONE, "a".into(), 1.0);
        machine.start(0, TWO, "b".into(), 1.0);
        assert_eq!(machine.eta(ONE, 100.0), 125);
        machine.set_speed(0, 2.0);
        assert_eq!((machine.eta(ONE, 100.0), machine.done(50, ONE)), (63, 80.0));
    }

    #[test]
    fn a_host_that_stands_still_goes_on_when_it_may() {
        let mut machine = Machine::new(Some(1.0));
        machine.start(0, ONE, "a".into(), 1.0);
        machine.set_speed(10, 0.0);
        assert_eq!(machine.eta(ONE, 100.0), Nanos::MAX);
        machine.set_speed(50, 1.0);
        assert_eq!(machine.eta(ONE, 100.0), 140);
    }

    #[test]
    fn without_sharing_only_the_own_pace_counts() {
        let mut machine = Machine::new(None);
        machine.start(0, ONE, "a".into(), 1.0);
        machine.start(0, TWO, "b".into(), 0.5);
        assert_eq!((machine.eta(ONE, 100.0), machine.eta(TWO, 100.0)), (100, 200));
        machine.set_pace(100, TWO, 1.0);
        assert_eq!(machine.eta(TWO, 100.0), 150);
    }
}
