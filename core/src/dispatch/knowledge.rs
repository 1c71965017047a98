//! What a dispatcher has learned, taken out and put in.

use crate::dispatch::Dispatcher;
use crate::fleet::{Host, Remembered};
use crate::learn::{
    Estimate, Knowledge, Lessons, LogMean, Reliability, Sharing, Subject, Wordiness, all_shared,
};

/// Names of estimates.
const PREFILL: &str = "prefill";
const DECODE: &str = "decode";
const CALLS: &str = "calls";
const SHARING: &str = "sharing";
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
            }
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
                    let moved = moved(Some(lessons), SHARING) - moved(before, SHARING);
                    host.sharing = Sharing::believed(host.sharing.taken + moved);
                }
                Subject::Arm { host, model } => {
                    let Some(host) = self.fleet.host_mut(host) else { continue };
                    let mut arm = match host.models.get(model) {
                        Some(known) => Remembered::of(known),
                        None => host.remembered.get(model).copied().unwrap_or_default(),
                    };
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
                    match host.models.get_mut(model) {
                        Some(known) => arm.recall(known),
                        None => drop(host.remembered.insert(model.clone(), arm)),
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
    let moved = host.sharing.taken - all_shared();
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
