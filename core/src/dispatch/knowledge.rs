//! What a dispatcher has learned, taken out and put in.

use crate::dispatch::Dispatcher;
use crate::fleet::{Host, Remembered};
use crate::learn::{Estimate, Knowledge, Lessons, LogMean, Reliability, Subject, Wordiness, all_shared};
use crate::lifecycle::Gaps;
use crate::names::ModelName;

/// Names of estimates.
const PREFILL: &str = "prefill";
const DECODE: &str = "decode";
const CALLS: &str = "calls";
const SHARING: &str = "sharing";
const GAPS: &str = "gaps";
const START: &str = "start";
const STARTS: &str = "starts";
const EXAMPLE: &str = "example";
const CHOSEN: &str = "model";
/// Before the name of a server whose work slows this one's answers.
const SLOWED_BY: &str = "slowed_by ";

impl Dispatcher {
    /// Everything it has learned: of hosts and models that are away, too.
    pub fn knowledge(&self) -> Knowledge {
        let mut knowledge = Knowledge::default();
        for host in &self.fleet.hosts {
            let id = &host.config.id;
            let mut lessons = of_host(host);
            for (position, other) in self.fleet.hosts.iter().enumerate() {
                let slowed = host.slowing.by(position);
                if slowed > 0.0 {
                    lessons.keep(&format!("{SLOWED_BY}{}", other.config.id), Estimate::Moved(slowed));
                }
            }
            knowledge.put(Subject::Host { host: id.clone() }, lessons);
            let known = host.models.iter().map(|(name, model)| (name, Remembered::of(model)));
            let remembered = host.remembered.iter().map(|(name, remembered)| (name, *remembered));
            for (model, arm) in remembered.chain(known) {
                knowledge.put(Subject::Arm { host: id.clone(), model: model.clone() }, of_arm(arm));
                if !arm.gaps.is_empty() {
                    let mut lessons = Lessons::default();
                    lessons.keep(GAPS, Estimate::Gaps(arm.gaps));
                    knowledge.put(Subject::Uses { host: id.clone(), model: model.clone() }, lessons);
                }
            }
        }
        for habit in self.habits() {
            let mut lessons = Lessons::default();
            lessons.keep(STARTS, Estimate::Starts(habit.starts));
            lessons.keep(EXAMPLE, Estimate::Example(Box::new(habit.example)));
            knowledge.put(Subject::Habit { model: habit.model }, lessons);
        }
        self.lengths.tell(&mut knowledge);
        self.qualities.tell(&mut knowledge);
        if let Some(model) = &self.embedder {
            let mut lessons = Lessons::default();
            lessons.keep(CHOSEN, Estimate::Chosen(model.clone()));
            knowledge.put(Subject::Embedder, lessons);
        }
        knowledge
    }

    /// Adds what `theirs` learned since `base` to what it has learned itself. `base` is empty where `theirs` comes from others
    /// alone. Hosts that the configuration does not name are left out.
    pub fn absorb(&mut self, base: &Knowledge, theirs: &Knowledge) {
        for (subject, lessons) in theirs.iter() {
            let before = base.get(subject);
            if before == Some(lessons) {
                continue;
            }
            let add = |mean: &mut LogMean, name: &str| lessons.add_to(mean, name, before);
            match subject {
                Subject::Host { host } => {
                    let names: Vec<String> = self
                        .fleet
                        .hosts
                        .iter()
                        .map(|other| format!("{SLOWED_BY}{}", other.config.id))
                        .collect();
                    let Some(host) = self.fleet.host_mut(host) else { continue };
                    for (position, name) in names.iter().enumerate() {
                        host.slowing.move_by(position, moved(Some(lessons), name) - moved(before, name));
                    }
                    for (name, mean) in speeds(host) {
                        add(mean, name);
                    }
                    if host.config.start.is_some() {
                        add(&mut host.power.seconds, START);
                        host.power.gaps = gaps(host.power.gaps, before, lessons);
                    }
                    let moved = moved(Some(lessons), SHARING) - moved(before, SHARING);
                    host.sharing.move_by(moved);
                }
                Subject::Arm { host, model } => {
                    let Some(host) = self.fleet.host_mut(host) else { continue };
                    let mut arm = arm(host, model);
                    add(&mut arm.prefill, PREFILL);
                    add(&mut arm.decode, DECODE);
                    if let Some(Estimate::Calls(calls)) = lessons.get(CALLS) {
                        let before = before.and_then(|before| before.get(CALLS));
                        let before = if let Some(Estimate::Calls(calls)) = before {
                            *calls
                        } else {
                            Reliability::default()
                        };
                        arm.reliability = arm.reliability.united(before, *calls);
                    }
                    put(host, model, arm);
                }
                Subject::Uses { host, model } => {
                    let Some(host) = self.fleet.host_mut(host) else { continue };
                    let known = arm(host, model);
                    put(host, model, Remembered { gaps: gaps(known.gaps, before, lessons), ..known });
                }
                Subject::Habit { model } => {
                    if let (Some(Estimate::Starts(starts)), Some(Estimate::Example(example))) =
                        (lessons.get(STARTS), lessons.get(EXAMPLE))
                    {
                        self.recall_habit(model, starts, example);
                    }
                }
                Subject::Shape { .. } | Subject::Task { .. } | Subject::Model { .. } => {
                    self.lengths.absorb(subject, before, lessons);
                }
                Subject::Quality { .. } => self.qualities.absorb(before, lessons),
                Subject::Embedder => {
                    if let Some(Estimate::Chosen(model)) = lessons.get(CHOSEN) {
                        self.embedder.get_or_insert_with(|| model.clone());
                    }
                }
            }
        }
        self.take_in_knowledge();
    }

    /// Works out anew what follows from what was learned.
    fn take_in_knowledge(&mut self) {
        let now = self.now;
        for host in &mut self.fleet.hosts {
            for (name, model) in &mut host.models {
                model.wordiness = Wordiness::new(self.lengths.factor(name));
                model.failing = model.reliability.failure_probability(now);
            }
            host.estimate();
        }
        self.fleet.share_experience();
        for position in 0..self.fleet.hosts.len() {
            self.fleet.settle_machines(position);
        }
        self.assess(None);
    }
}

/// What is known of a model on a host, whether it shows it or not.
fn arm(host: &Host, model: &ModelName) -> Remembered {
    match host.models.get(model) {
        Some(known) => Remembered::of(known),
        None => host.remembered.get(model).copied().unwrap_or_default(),
    }
}

fn put(host: &mut Host, model: &ModelName, arm: Remembered) {
    match host.models.get_mut(model) {
        Some(known) => arm.recall(known),
        None => drop(host.remembered.insert(model.clone(), arm)),
    }
}

/// What was known of gaps, and what `lessons` learned of them since `before`.
fn gaps(known: Gaps, before: Option<&Lessons>, lessons: &Lessons) -> Gaps {
    let of = |lessons: &Lessons| match lessons.get(GAPS) {
        Some(Estimate::Gaps(gaps)) => Some(*gaps),
        Some(_) | None => None,
    };
    let theirs = of(lessons);
    theirs.map_or(known, |theirs| known.united(before.and_then(of).unwrap_or_default(), theirs))
}

fn moved(lessons: Option<&Lessons>, name: &str) -> f64 {
    match lessons.and_then(|lessons| lessons.get(name)) {
        Some(Estimate::Moved(by)) if by.is_finite() => *by,
        Some(_) | None => 0.0,
    }
}

/// The means of a host, by name.
fn speeds(host: &mut Host) -> [(&'static str, &mut LogMean); 5] {
    [
        ("decode_speed", &mut host.decode_speed),
        ("prefill_speed", &mut host.prefill_speed),
        ("load_rate", &mut host.load_rate),
        ("load_speed", &mut host.load_speed),
        ("reload_rate", &mut host.reload_rate),
    ]
}

fn of_host(host: &Host) -> Lessons {
    let mut lessons = Lessons::default();
    for (name, mean) in [
        ("decode_speed", host.decode_speed),
        ("prefill_speed", host.prefill_speed),
        ("load_rate", host.load_rate),
        ("load_speed", host.load_speed),
        ("reload_rate", host.reload_rate),
    ] {
        lessons.mean(name, mean);
    }
    if host.config.start.is_some() {
        lessons.mean(START, host.power.seconds);
        if !host.power.gaps.is_empty() {
            lessons.keep(GAPS, Estimate::Gaps(host.power.gaps));
        }
    }
    let moved = host.sharing.learned() - all_shared();
    if moved != 0.0 {
        lessons.keep(SHARING, Estimate::Moved(moved));
    }
    lessons
}

fn of_arm(arm: Remembered) -> Lessons {
    let mut lessons = Lessons::default();
    lessons.mean(PREFILL, arm.prefill);
    lessons.mean(DECODE, arm.decode);
    if arm.reliability.successes > 0.0 || arm.reliability.failures > 0.0 {
        lessons.keep(CALLS, Estimate::Calls(arm.reliability));
    }
    lessons
}
