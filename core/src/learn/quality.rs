//! How good answers turned out to be: what people and checks say of them, by model and task.

use crate::event::Rating;
use crate::learn::judged::Judged;
use crate::learn::knowledge::{Estimate, Knowledge, Lessons, Subject};
use crate::names::{Millis, ModelName};
use crate::number::Between as _;
use crate::request::Task;
use serde::{Deserialize, Serialize};

/// How many judgements the prior is worth.
const PRIOR_WEIGHT: f64 = 10.0;
/// An answer that fits its schema may still be wrong: it proves little. One that does not fit proves much.
const FITS_WEIGHT: f64 = 0.1;
/// Pairs of model and task remembered; beyond it the one unused longest goes.
const KEPT: usize = 2_000;
/// The estimate that holds them.
const JUDGED: &str = "judged";

/// Judgements by model and task.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(transparent)]
pub struct Qualities(Vec<Judged>);

impl Qualities {
    /// Takes in a judgement. One that is no number teaches nothing.
    pub fn observe(&mut self, now: Millis, model: &ModelName, task: Task, rating: Rating) {
        let (score, weight) = match rating {
            Rating::Thumbs(up) => (f64::from(u8::from(up)), 1.0),
            Rating::Score(score) => (score, 1.0),
            Rating::EditDistance(distance) => (1.0 - distance, 1.0),
            Rating::SchemaValid(true) => (1.0, FITS_WEIGHT),
            Rating::SchemaValid(false) => (0.0, 1.0),
        };
        if !score.is_finite() {
            return;
        }
        let score = score.between(0.0, 1.0);
        let place = self.0.iter().position(|known| known.model == *model && known.task == task);
        let mut judged = match place {
            Some(place) => self.0.swap_remove(place),
            None => Judged { model: model.clone(), task, good: 0.0, bad: 0.0, updated: now },
        };
        let oldest = self.0.iter().enumerate().min_by_key(|(_, known)| known.updated).map(|(place, _)| place);
        if let Some(oldest) = oldest.filter(|_| self.0.len() >= KEPT) {
            self.0.swap_remove(oldest);
        }
        let keep = judged.kept(now);
        judged.good = judged.good * keep + weight * score;
        judged.bad = judged.bad * keep + weight * (1.0 - score);
        judged.updated = now;
        self.0.push(judged);
    }

    /// Quality from 0 to 1: (10 × prior + good) ÷ (10 + good + bad).
    pub(crate) fn estimate(&self, now: Millis, model: &ModelName, task: Task, prior: f64) -> f64 {
        let judged = self.0.iter().find(|known| known.task == task && known.model == *model);
        judged.map_or(prior, |judged| {
            let keep = judged.kept(now);
            let weight = PRIOR_WEIGHT + (judged.good + judged.bad) * keep;
            (PRIOR_WEIGHT * prior + judged.good * keep) / weight
        })
    }
}

impl Qualities {
    /// Adds every judgement to what is known.
    pub fn tell(&self, knowledge: &mut Knowledge) {
        for judged in &self.0 {
            let mut lessons = Lessons::default();
            lessons.keep(JUDGED, Estimate::Judged(judged.clone()));
            let subject = Subject::Quality { model: judged.model.clone(), task: judged.task };
            knowledge.put(subject, lessons);
        }
    }

    /// Adds what others heard since `before`.
    pub(crate) fn absorb(&mut self, before: Option<&Lessons>, lessons: &Lessons) {
        let Some(Estimate::Judged(theirs)) = lessons.get(JUDGED) else { return };
        let before = match before.and_then(|before| before.get(JUDGED)) {
            Some(Estimate::Judged(judged)) => Some(judged),
            Some(_) | None => None,
        };
        let same = |own: &&mut Judged| own.model == theirs.model && own.task == theirs.task;
        if let Some(own) = self.0.iter_mut().find(same) {
            own.unite(before, theirs);
        } else if self.0.len() < KEPT {
            self.0.push(theirs.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(ratings: &[Rating]) -> f64 {
        let mut qualities = Qualities::default();
        for rating in ratings {
            qualities.observe(Millis(0), &"m".into(), Task::Code, *rating);
        }
        qualities.estimate(Millis(0), &"m".into(), Task::Code, 0.6)
    }

    #[test]
    fn each_kind_of_judgement_moves_it_the_right_way() {
        assert!((after(&[Rating::Thumbs(true)]) - 7.0 / 11.0).abs() < 1e-9);
        assert!((after(&[Rating::Thumbs(false)]) - 6.0 / 11.0).abs() < 1e-9);
        assert!(after(&[Rating::Score(0.9)]) > 0.6 && after(&[Rating::Score(0.2)]) < 0.6);
        assert!(after(&[Rating::EditDistance(0.0)]) > 0.6 && after(&[Rating::EditDistance(1.0)]) < 0.6);
        let (fits, fails) = (after(&[Rating::SchemaValid(true)]), after(&[Rating::SchemaValid(false)]));
        assert!(fits > 0.6 && fits - 0.6 < 0.6 - fails, "{fits} {fails}");
    }

    #[test]
    fn much_feedback_outweighs_the_prior_and_fades() {
        assert!(after(&[Rating::Thumbs(false); 90]) < 0.07);
        let mut qualities = Qualities::default();
        qualities.observe(Millis(0), &"m".into(), Task::Code, Rating::Thumbs(false));
        let later = qualities.estimate(Millis(70 * 86_400_000), &"m".into(), Task::Code, 0.6);
        assert!((later - 0.6).abs() < 1e-3, "{later}");
    }

    #[test]
    fn one_task_says_nothing_of_another_and_nonsense_nothing_at_all() {
        let mut qualities = Qualities::default();
        qualities.observe(Millis(0), &"m".into(), Task::Code, Rating::Thumbs(false));
        assert!((qualities.estimate(Millis(0), &"m".into(), Task::Chat, 0.6) - 0.6).abs() < 1e-9);
        assert!((after(&[Rating::Score(f64::NAN), Rating::EditDistance(f64::INFINITY)]) - 0.6).abs() < 1e-9);
        assert!(after(&[Rating::Score(1e300)]) <= 1.0);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut qualities = Qualities::default();
        for at in 0..(KEPT as u64 + 5) {
            qualities.observe(Millis(at), &format!("m{at}").into(), Task::Code, Rating::Thumbs(true));
        }
        assert_eq!(qualities.0.len(), KEPT);
    }
}
