//! What was learned, apart from what is believed of the moment: estimates by what they are about. Programs keep it in one
//! place, and each adds what it has learned since it last wrote.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::learn::judged::Judged;
use crate::learn::log_mean::LogMean;
use crate::learn::reliability::Reliability;
use crate::lifecycle::{Gaps, Rhythm};
use crate::names::{HostId, Millis, ModelName, Shape};
use crate::request::{Request, Task};

/// What estimates are about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Subject {
    /// How fast a host is.
    Host {
        /// Its name.
        host: HostId,
    },
    /// How fast a model is on a host, and how often it answers there.
    Arm {
        /// The host's name.
        host: HostId,
        /// The model's tag.
        model: ModelName,
    },
    /// How long a model stays unused between two uses on a host.
    Uses {
        /// The host's name.
        host: HostId,
        /// The model's tag.
        model: ModelName,
    },
    /// At which times a model is used, wherever it runs.
    Habit {
        /// Its tag.
        model: ModelName,
    },
    /// How long the answers to one shape are.
    Shape {
        /// The caller's key.
        shape: Shape,
    },
    /// How long the answers to one kind of work are.
    Task {
        /// The kind of work.
        task: Task,
    },
    /// How much longer than others a model answers.
    Model {
        /// Its tag.
        model: ModelName,
    },
    /// How good a model's answers to one kind of work are.
    Quality {
        /// Its tag.
        model: ModelName,
        /// The kind of work.
        task: Task,
    },
    /// Which model embeds where callers leave the choice.
    Embedder,
}

/// One estimate.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Estimate {
    /// A rate, a duration or a length.
    Mean(LogMean),
    /// Calls answered and failed.
    Calls(Reliability),
    /// What was said of answers.
    Judged(Judged),
    /// How far a value has moved from what is believed at first.
    Moved(f64),
    /// A model that was chosen; the first choice stays.
    Chosen(ModelName),
    /// Gaps between uses.
    Gaps(Gaps),
    /// When uses began after a while without any, oldest first.
    Starts(Vec<Millis>),
    /// The last request of its kind, without its text.
    Example(Box<Request>),
}

impl Estimate {
    /// Adds what `other` learned since `base`.
    fn unite(&mut self, base: Option<&Self>, other: &Self) {
        match (self, other) {
            (Self::Mean(own), Self::Mean(other)) => {
                let base = if let Some(Self::Mean(base)) = base { *base } else { LogMean::default() };
                *own = own.united(base, *other);
            }
            (Self::Calls(own), Self::Calls(other)) => {
                let base = if let Some(Self::Calls(base)) = base { *base } else { Reliability::default() };
                *own = own.united(base, *other);
            }
            (Self::Judged(own), Self::Judged(other)) => {
                let base = if let Some(Self::Judged(base)) = base { Some(base) } else { None };
                own.unite(base, other);
            }
            (Self::Moved(own), Self::Moved(other)) => {
                let base = if let Some(Self::Moved(base)) = base { *base } else { 0.0 };
                *own += other - base;
            }
            (Self::Gaps(own), Self::Gaps(other)) => {
                let base = if let Some(Self::Gaps(base)) = base { *base } else { Gaps::default() };
                *own = own.united(base, *other);
            }
            (Self::Starts(own), Self::Starts(other)) => {
                let mut rhythm = Rhythm::default();
                rhythm.absorb(own);
                rhythm.absorb(other);
                *own = rhythm.starts();
            }
            (Self::Example(own), Self::Example(other)) => own.clone_from(other),
            // What was chosen first stays, and two kinds under one name come from another version.
            (
                Self::Mean(_)
                | Self::Calls(_)
                | Self::Judged(_)
                | Self::Moved(_)
                | Self::Chosen(_)
                | Self::Gaps(_)
                | Self::Starts(_)
                | Self::Example(_),
                _,
            ) => {}
        }
    }

    fn updated(&self) -> Millis {
        match self {
            Self::Mean(mean) => mean.updated,
            Self::Calls(calls) => calls.updated,
            Self::Judged(judged) => judged.updated,
            Self::Starts(starts) => starts.last().copied().unwrap_or_default(),
            Self::Moved(_) | Self::Chosen(_) | Self::Gaps(_) | Self::Example(_) => Millis(0),
        }
    }
}

/// The estimates about one subject, by name.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lessons(BTreeMap<String, Estimate>);

impl Lessons {
    /// Adds what `other` learned since `base`: the observations of both count, each once. Where `other` found that its host
    /// has changed, or has a value that cannot be told from what was there before, that value stands.
    pub fn unite(&mut self, base: Option<&Self>, other: &Self) {
        for (name, estimate) in &other.0 {
            let before = base.and_then(|base| base.0.get(name));
            match self.0.get_mut(name) {
                Some(own) => own.unite(before, estimate),
                None if before == Some(estimate) => {}
                None => drop(self.0.insert(name.clone(), estimate.clone())),
            }
        }
    }

    /// When the latest of them last learned.
    pub fn updated(&self) -> Millis {
        self.0.values().map(Estimate::updated).max().unwrap_or_default()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Estimate> {
        self.0.get(name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Estimate)> {
        self.0.iter().map(|(name, estimate)| (name.as_str(), estimate))
    }

    /// Adds to a mean what these lessons learned under its name since `before`.
    pub(crate) fn add_to(&self, mean: &mut LogMean, name: &str, before: Option<&Self>) {
        let of = |lessons: &Self| match lessons.0.get(name) {
            Some(Estimate::Mean(mean)) => Some(*mean),
            Some(_) | None => None,
        };
        if let Some(theirs) = of(self) {
            *mean = mean.united(before.and_then(of).unwrap_or_default(), theirs);
        }
    }

    /// Keeps a mean that stands for anything.
    pub(crate) fn mean(&mut self, name: &str, mean: LogMean) {
        if mean.weight > 0.0 {
            self.0.insert(name.to_owned(), Estimate::Mean(mean));
        }
    }

    pub(crate) fn keep(&mut self, name: &str, estimate: Estimate) {
        self.0.insert(name.to_owned(), estimate);
    }
}

/// Everything learned, by what it is about.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Knowledge(BTreeMap<Subject, Lessons>);

impl Knowledge {
    /// Adds what `other` learned since `base`.
    pub fn unite(&mut self, base: &Self, other: &Self) {
        for (subject, lessons) in &other.0 {
            let before = base.0.get(subject);
            if before != Some(lessons) {
                self.0.entry(subject.clone()).or_default().unite(before, lessons);
            }
        }
    }

    /// What is known about one subject.
    pub fn get(&self, subject: &Subject) -> Option<&Lessons> {
        self.0.get(subject)
    }

    /// Every subject with what is known about it.
    pub fn iter(&self) -> impl Iterator<Item = (&Subject, &Lessons)> {
        self.0.iter()
    }

    /// Takes what is known about a subject as it is; nothing is no subject.
    pub fn put(&mut self, subject: Subject, lessons: Lessons) {
        if !lessons.0.is_empty() {
            self.0.insert(subject, lessons);
        }
    }

    /// Forgets the subjects for which `keep` is false.
    pub fn retain(&mut self, mut keep: impl FnMut(&Subject) -> bool) {
        self.0.retain(|subject, _| keep(subject));
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(mean: LogMean) -> Knowledge {
        let mut lessons = Lessons::default();
        lessons.mean("decode_speed", mean);
        let mut knowledge = Knowledge::default();
        knowledge.put(Subject::Host { host: "pc".into() }, lessons);
        knowledge
    }

    fn speed(knowledge: &Knowledge) -> LogMean {
        let lessons = knowledge.get(&Subject::Host { host: "pc".into() });
        match lessons.and_then(|lessons| lessons.get("decode_speed")) {
            Some(Estimate::Mean(mean)) => *mean,
            Some(_) | None => LogMean::default(),
        }
    }

    fn observed(mut mean: LogMean, values: &[(u64, f64)]) -> LogMean {
        for (at, value) in values {
            mean.observe(Millis(*at), *value);
        }
        mean
    }

    fn near(one: LogMean, other: LogMean) -> bool {
        let close = |a: f64, b: f64| (a - b).abs() < 1e-9 * (1.0 + a.abs());
        close(one.weight, other.weight)
            && close(one.mean_ln, other.mean_ln)
            && close(one.var_ln, other.var_ln)
            && one.updated == other.updated
    }

    #[test]
    fn what_two_learn_at_the_same_time_counts_as_if_one_had_seen_it_all() {
        let before = observed(LogMean::default(), &[(1_000, 2.0), (5_000, 3.0), (9_000, 2.5)]);
        let (one, other) = ([(60_000, 4.0), (300_000, 5.0)], [(200_000, 1.0), (700_000, 1.5)]);
        let all = observed(before, &[one[0], other[0], one[1], other[1]]);
        let mut stored = host(before);
        stored.unite(&host(before), &host(observed(before, &one)));
        stored.unite(&host(before), &host(observed(before, &other)));
        assert!(near(speed(&stored), all), "{stored:?} {all:?}");
        // The other way round, and a second time without anything new.
        let mut stored = host(before);
        for lessons in [&other[..], &one[..]] {
            let learned = host(observed(before, lessons));
            stored.unite(&host(before), &learned);
            stored.unite(&learned, &learned);
        }
        assert!(near(speed(&stored), all), "{stored:?} {all:?}");
    }

    #[test]
    fn what_was_learned_before_the_store_was_there_is_added_to_what_it_holds() {
        let held = [(1_000, 2.0), (2_000, 3.0)];
        let mut stored = host(observed(LogMean::default(), &held));
        stored.unite(&Knowledge::default(), &host(observed(LogMean::default(), &[(3_000, 8.0)])));
        assert!(near(speed(&stored), observed(LogMean::default(), &[held[0], held[1], (3_000, 8.0)])));
    }

    #[test]
    fn a_change_that_one_has_found_is_not_averaged_away() {
        let before = observed(LogMean::default(), &[(0, 2.0); 20]);
        let mut changed = before;
        changed.shift(-1.0);
        changed.observe(Millis(10), 0.7);
        let mut stored = host(observed(before, &[(5, 2.0)]));
        stored.unite(&host(before), &host(changed));
        assert_eq!(speed(&stored), changed);
    }

    #[test]
    fn what_only_one_knows_is_left_alone() {
        let mean = observed(LogMean::default(), &[(5, 2.0)]);
        let mut stored = host(mean);
        let mut mine = Knowledge::default();
        let mut chosen = Lessons::default();
        chosen.keep("model", Estimate::Chosen("mine:latest".into()));
        mine.put(Subject::Embedder, chosen.clone());
        stored.unite(&Knowledge::default(), &mine);
        assert_eq!((speed(&stored), stored.get(&Subject::Embedder)), (mean, Some(&chosen)));
        let mut other = Lessons::default();
        other.keep("model", Estimate::Chosen("other:latest".into()));
        chosen.unite(None, &other);
        assert_eq!(
            chosen.get("model"),
            Some(&Estimate::Chosen("mine:latest".into())),
            "the first choice stays"
        );
    }

    #[test]
    fn counts_and_judgements_are_added_and_no_rounding_makes_them_less_than_nothing() {
        let (mut base, mut mine) = (Reliability::default(), Reliability::default());
        for at in 0..50_u64 {
            base.observe(Millis(at * 7_919), true);
        }
        mine.clone_from(&base);
        mine.observe(Millis(50 * 7_919), false);
        let stored = base.united(base, mine);
        assert!((stored.failures - 1.0).abs() < 1e-9 && (stored.successes - mine.successes).abs() < 1e-9);
        let reset = Reliability { successes: 1.0, failures: 0.0, updated: Millis(400_000) };
        assert_eq!(base.united(base, reset), reset, "another model under the same name");
        let mut said =
            Judged { model: "m".into(), task: Task::Code, good: 2.0, bad: 1.0, updated: Millis(5) };
        let before = said.clone();
        said.unite(Some(&before), &Judged { good: 3.0, ..before.clone() });
        assert!((said.good - 3.0).abs() < 1e-9 && (said.bad - 1.0).abs() < 1e-9, "{said:?}");
    }

    #[test]
    fn a_subject_and_its_lessons_survive_as_json() -> Result<(), serde_json::Error> {
        let subject = Subject::Quality { model: "m:latest".into(), task: Task::Code };
        let text = serde_json::to_string(&subject)?;
        assert_eq!(text, r#"{"kind":"quality","model":"m:latest","task":"code"}"#);
        assert_eq!(serde_json::from_str::<Subject>(&text)?, subject);
        let mut lessons = Lessons::default();
        lessons.mean("decode", observed(LogMean::default(), &[(5, 2.0)]));
        lessons.keep("sharing", Estimate::Moved(-0.25));
        assert_eq!(serde_json::from_str::<Lessons>(&serde_json::to_string(&lessons)?)?, lessons);
        Ok(())
    }
}
