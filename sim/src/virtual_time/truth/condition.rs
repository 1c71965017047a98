//! How each host is: its speed, faults, foreign load and power, and when that changes.

use smart_ai_core::FailureKind;

use super::Truth;
use crate::virtual_time::scenario::FaultKind;

/// What is left of the speed of a host with [`FaultKind::Slow`].
const SLOW_FACTOR: f64 = 0.2;

/// A change of a host's condition.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    Speed {
        host: usize,
        factor: f64,
    },
    Foreign {
        host: usize,
        cpu: f64,
        memory_gb: f64,
    },
    Fault {
        host: usize,
        kind: FaultKind,
        begins: bool,
    },
    Join {
        host: usize,
    },
    /// A start ends.
    Started {
        host: usize,
    },
}

/// Whether a host that can be stopped runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Power {
    On,
    Starting,
    Off,
}

/// How a host is.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    pub(super) factor: f64,
    pub(super) cpu: f64,
    pub(super) memory_gb: f64,
    pub(super) faults: Vec<FaultKind>,
    /// Share of the CPU in use, averaged.
    pub(super) metric: f64,
    pub(super) power: Power,
}

impl Condition {
    pub(super) fn has(&self, kind: FaultKind) -> bool {
        self.faults.contains(&kind)
    }

    pub(super) fn end(&mut self, kind: FaultKind) {
        if let Some(position) = self.faults.iter().position(|fault| *fault == kind) {
            self.faults.remove(position);
        }
    }
}

impl Default for Condition {
    /// Up, at its own speed, alone on its machine.
    fn default() -> Self {
        Self { factor: 1.0, cpu: 0.0, memory_gb: 0.0, faults: Vec::new(), metric: 0.0, power: Power::On }
    }
}

impl Truth<'_> {
    /// Lays out when conditions change, latest first.
    pub(super) fn plan(&mut self) {
        let end = self.jobs.last().map_or(0.0, |job| job.arrives);
        let (scenario, mut changes) = (self.scenario, Vec::new());
        let place = |id: &str| scenario.host(id).unwrap_or(usize::MAX);
        for change in &scenario.speed_changes {
            let host = place(&change.host);
            changes.push((change.from * end, Change::Speed { host, factor: change.factor }));
            changes.push((change.to * end, Change::Speed { host, factor: 1.0 / change.factor }));
        }
        for load in &scenario.foreign_loads {
            let (host, cpu, memory_gb) = (place(&load.host), load.cpu, load.memory_gb);
            changes.push((load.from * end, Change::Foreign { host, cpu, memory_gb }));
            changes.push((load.to * end, Change::Foreign { host, cpu: 0.0, memory_gb: 0.0 }));
        }
        for fault in &scenario.faults {
            let (host, kind) = (place(&fault.host), fault.kind);
            changes.push((fault.from * end, Change::Fault { host, kind, begins: true }));
            changes.push((fault.to * end, Change::Fault { host, kind, begins: false }));
        }
        for join in &scenario.joins {
            let host = place(&join.host);
            changes.push((0.0, Change::Fault { host, kind: FaultKind::Down, begins: true }));
            changes.push((join.at * end, Change::Join { host }));
        }
        changes.sort_by(|left, right| right.0.total_cmp(&left.0));
        self.changes = changes;
        self.advance(0.0);
    }

    pub(super) fn change(&mut self, change: Change) {
        match change {
            Change::Speed { host, factor } => self.with(host, |condition| condition.factor *= factor),
            Change::Foreign { host, cpu, memory_gb } => self.with(host, |condition| {
                (condition.cpu, condition.memory_gb) = (cpu, memory_gb);
            }),
            Change::Started { host } => {
                if let Some(condition) =
                    self.conditions.get_mut(host).filter(|it| it.power == Power::Starting)
                {
                    condition.power = Power::On;
                }
            }
            Change::Join { host } => self.with(host, |condition| condition.end(FaultKind::Down)),
            Change::Fault { host, kind, begins } => {
                self.with(host, |condition| {
                    if begins {
                        condition.faults.push(kind);
                    } else {
                        condition.end(kind);
                    }
                });
                if begins && kind == FaultKind::Down {
                    self.break_calls(host, |_| true, FailureKind::Unreachable);
                    self.fleet.restart(host);
                }
                if begins && kind == FaultKind::Cut {
                    self.break_calls(host, |call| call.first.is_some(), FailureKind::CutOff);
                }
            }
        }
    }

    pub(super) fn with(&mut self, host: usize, change: impl FnOnce(&mut Condition)) {
        let (Some(condition), Some(traits)) = (self.conditions.get_mut(host), self.scenario.hosts.get(host))
        else {
            return;
        };
        change(condition);
        let slow = if condition.has(FaultKind::Slow) { SLOW_FACTOR } else { 1.0 };
        let moving = if condition.has(FaultKind::Hang) { 0.0 } else { 1.0 };
        self.fleet.set_speed(host, traits.speed * condition.factor * (1.0 - condition.cpu) * slow * moving);
        self.fleet.set_memory(host, (traits.memory_gb - condition.memory_gb).max(0.001) * 1e9);
    }

    /// Whether a host answers when looked at.
    pub fn is_up(&self, host: usize) -> bool {
        let up = |condition: &Condition| condition.power == Power::On && !condition.has(FaultKind::Down);
        self.conditions.get(host).is_some_and(up)
    }

    /// Whether a host is on its way up.
    pub(crate) fn is_starting(&self, host: usize) -> bool {
        self.conditions.get(host).is_some_and(|condition| condition.power == Power::Starting)
    }

    /// Begins the start of a host that was stopped.
    pub fn start(&mut self, host: usize) {
        let start_s = self.scenario.hosts.get(host).and_then(|traits| traits.start_s).unwrap_or(0.0);
        let Some(condition) = self.conditions.get_mut(host).filter(|it| it.power == Power::Off) else {
            return;
        };
        condition.power = Power::Starting;
        self.starts += 1;
        let at = self.now() + start_s;
        let place = self.changes.partition_point(|(due, _)| *due > at);
        self.changes.insert(place, (at, Change::Started { host }));
    }

    /// Stops a host that can be: its models are gone, and what it answers breaks.
    pub fn stop(&mut self, host: usize) {
        let can_stop = self.scenario.hosts.get(host).is_some_and(|traits| traits.start_s.is_some());
        let Some(condition) = self.conditions.get_mut(host).filter(|it| can_stop && it.power == Power::On)
        else {
            return;
        };
        condition.power = Power::Off;
        self.stops += 1;
        self.break_calls(host, |_| true, FailureKind::Unreachable);
        self.fleet.restart(host);
    }

    /// Whether a loaded model of a host would write.
    pub(crate) fn writes(&self, host: usize) -> bool {
        let stuck = [FaultKind::Down, FaultKind::Hang, FaultKind::Busy, FaultKind::Cut];
        self.conditions.get(host).is_some_and(|condition| !stuck.into_iter().any(|kind| condition.has(kind)))
    }
}
