//! Many texts to embed are asked in parts, so that a fault costs one part and no call is large. Each part is a job of its own, and
//! their vectors come back as one answer, in order.

use serde_json::{Map, Value};

use super::Answer;
use super::ask::{Ask, content};
use crate::classify::text_tokens;
use crate::names::{Millis, ModelName};

/// The most texts in one part.
const PART_TEXTS: u32 = 32;
/// The most tokens in one part, unless a single text has more.
const PART_TOKENS: u32 = 16_000;
/// Parts of one ask under way at a time.
const AT_ONCE: usize = 8;

impl Ask {
    /// How many of its messages each part holds, in order. More than one part if there are many texts to embed.
    pub fn parts(&self) -> Vec<u32> {
        let messages = self.messages.as_ref().filter(|_| self.embeds());
        let (mut parts, mut texts, mut tokens) = (Vec::new(), 0, 0_u32);
        for message in messages.into_iter().flatten() {
            let more = content(message).map_or(0, text_tokens);
            tokens = tokens.saturating_add(more);
            if texts == PART_TEXTS || (texts > 0 && tokens > PART_TOKENS) {
                parts.push(texts);
                (texts, tokens) = (0, more);
            }
            texts += 1;
        }
        parts.push(texts);
        parts
    }
}

/// One part, to be asked as any other ask.
#[derive(Clone, PartialEq, Debug)]
pub struct Part {
    /// Its place among the parts, from 0.
    pub place: usize,
    /// What to ask.
    pub ask: Ask,
}

/// An ask that is answered in parts, without any I/O: a driver asks every part that [`Parts::next`] gives, and hands the answer of
/// each to [`Parts::ended`], until that gives the whole answer.
///
/// The first part is asked alone, of any model that may serve it. The others are asked of the model that answered it, since vectors
/// of two models do not compare. A part that fails ends them all.
#[derive(Debug)]
pub struct Parts {
    began: Millis,
    /// The ask without its texts.
    ask: Ask,
    /// The texts of each part that has not been asked.
    waiting: std::vec::IntoIter<Vec<Map<String, Value>>>,
    /// By place; absent while the part is under way.
    answers: Vec<Option<Answer>>,
    /// Of the first part's answer.
    model: Option<ModelName>,
}

impl Parts {
    /// The parts of an ask, which takes its texts; `None` where it is one, and stays as it is.
    pub fn of(now: Millis, ask: &mut Ask) -> Option<Self> {
        let lengths = ask.parts();
        if lengths.len() < 2 {
            return None;
        }
        let mut texts = ask.messages.take().unwrap_or_default().into_iter();
        let cut = |length: u32| texts.by_ref().take(length as usize).collect();
        let parts: Vec<_> = lengths.into_iter().map(cut).collect();
        let (ask, waiting) = (ask.clone(), parts.into_iter());
        Some(Self { began: now, ask, waiting, answers: Vec::new(), model: None })
    }

    /// A part to ask now; `None` where others must end first, or where all have been asked. Its deadline is what is left of the
    /// whole one.
    pub fn next(&mut self, now: Millis) -> Option<Part> {
        let first_alone = self.answers.first().is_some_and(Option::is_none);
        let underway = self.answers.iter().filter(|answer| answer.is_none()).count();
        if first_alone || underway >= AT_ONCE || self.has_failed() {
            return None;
        }
        let messages = Some(self.waiting.next()?);
        let spent_ms = now.since(self.began);
        let deadline_ms = self.ask.deadline_ms.map(|deadline| deadline.saturating_sub(spent_ms).max(1));
        let model = self.model.clone().or_else(|| self.ask.model.clone());
        let place = self.answers.len();
        self.answers.push(None);
        Some(Part { place, ask: Ask { messages, model, deadline_ms, ..self.ask.clone() } })
    }

    /// Takes the answer of a part. Gives the whole answer once every part has been answered, or one has failed: then the driver
    /// cancels what is under way, and hands in no more. A driver that keeps the vectors itself hands in answers without them.
    pub fn ended(&mut self, now: Millis, place: usize, answer: Answer) -> Option<Answer> {
        if place == 0 {
            self.model.clone_from(&answer.model);
        }
        *self.answers.get_mut(place)? = Some(answer);
        let all = self.waiting.len() == 0 && self.answers.iter().all(Option::is_some);
        if !all && !self.has_failed() {
            return None;
        }
        let mut answers = std::mem::take(&mut self.answers).into_iter().flatten();
        let first = answers.next()?;
        let mut whole = answers.fold(first, joined);
        whole.ms.total = now.since(self.began) as f64;
        Some(whole)
    }

    fn has_failed(&self) -> bool {
        self.answers.iter().flatten().any(|answer| !answer.ok)
    }
}

/// What has come so far and the next part's answer. The decision, and what it expected, stay the first part's.
fn joined(mut whole: Answer, part: Answer) -> Answer {
    whole.attempts.extend(part.attempts);
    whole.usage.prompt_tokens = whole.usage.prompt_tokens.saturating_add(part.usage.prompt_tokens);
    whole.ms.load += part.ms.load;
    if whole.ok && part.ok {
        if let (Some(vectors), Some(more)) = (&mut whole.embeddings, part.embeddings) {
            vectors.extend(more);
        }
        return whole;
    }
    let error = whole.error.take().or(part.error);
    Answer { ok: false, embeddings: None, model: None, host: None, error, ..whole }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]
    use super::*;
    use crate::effect::Outcome;
    use crate::failure::{DispatchError, DispatchErrorCode};

    fn embed(lengths: &[usize]) -> Ask {
        let message = |words: &usize| format!(r#"{{"role":"user","content":"{}"}}"#, "word ".repeat(*words));
        let messages: Vec<String> = lengths.iter().map(message).collect();
        let json = format!(r#"{{"task":"embed","deadline_ms":1000,"messages":[{}]}}"#, messages.join(","));
        Ask::from_json(&json).unwrap_or_else(|error| panic!("{}", error.message))
    }

    /// Texts for eleven parts.
    fn begun() -> Parts {
        Parts::of(Millis(1_000), &mut embed(&[1; 321])).unwrap_or_else(|| panic!("it is many"))
    }

    fn answer(model: &str, vectors: &[f64]) -> Answer {
        let embeddings = Some(vectors.iter().map(|one| vec![*one]).collect());
        let outcome = Outcome { model: Some(model.into()), ..Outcome::default() };
        Answer::resolved(Value::Null, String::new(), embeddings, outcome, None)
    }

    fn failed() -> Answer {
        let error = DispatchError::new(DispatchErrorCode::RequestRefused, "no", "");
        Answer { ok: false, embeddings: None, error: Some(error), ..answer("m", &[]) }
    }

    #[test]
    fn long_texts_go_a_few_at_a_time_and_the_longest_alone() {
        assert_eq!(embed(&[6_000, 6_000, 6_000, 1]).parts(), [2, 2]);
        assert_eq!(embed(&[40_000, 1, 40_000]).parts(), [1, 1, 1]);
        let mut one = embed(&[1, 1]);
        assert!(Parts::of(Millis(0), &mut one).is_none());
        assert_eq!(one, embed(&[1, 1]), "it keeps its texts");
    }

    #[test]
    fn the_first_part_is_asked_alone_then_eight_at_a_time_of_its_model_within_what_is_left() {
        let mut parts = begun();
        let first = parts.next(Millis(1_000)).unwrap_or_else(|| panic!("the first"));
        assert_eq!((first.place, first.ask.deadline_ms, first.ask.model), (0, Some(1_000), None));
        assert_eq!(parts.next(Millis(1_000)), None, "the first is not answered yet");
        assert_eq!(parts.ended(Millis(1_300), 0, answer("m", &[0.0; 32])), None);
        let more: Vec<Part> = std::iter::from_fn(|| parts.next(Millis(1_300))).collect();
        assert_eq!(more.len(), 8);
        assert_eq!((more[7].place, more[7].ask.deadline_ms), (8, Some(700)));
        assert_eq!(more[7].ask.model, Some("m".into()));
        assert_eq!(more[7].ask.messages.as_ref().map(Vec::len), Some(32));
        assert_eq!(parts.ended(Millis(9_000), 4, answer("m", &[4.0; 32])), None);
        let next = parts.next(Millis(9_000)).unwrap_or_else(|| panic!("one has ended"));
        assert_eq!(
            (next.place, next.ask.deadline_ms),
            (9, Some(1)),
            "the deadline's own error is told, not ours"
        );
    }

    #[test]
    fn the_whole_is_there_when_the_last_has_ended_in_whatever_order() {
        let mut parts = Parts::of(Millis(0), &mut embed(&[1; 70])).unwrap_or_else(|| panic!("it is many"));
        parts.next(Millis(0));
        assert_eq!(parts.ended(Millis(5), 0, answer("m", &[1.0])), None);
        assert_eq!(std::iter::from_fn(|| parts.next(Millis(5))).count(), 2);
        assert_eq!(parts.ended(Millis(6), 2, answer("m", &[3.0])), None);
        let whole = parts.ended(Millis(9), 1, answer("m", &[2.0])).unwrap_or_else(|| panic!("all have"));
        assert_eq!(whole.embeddings, Some(vec![vec![1.0], vec![2.0], vec![3.0]]));
        assert_eq!((whole.ok, whole.ms.total, whole.model), (true, 9.0, Some("m".into())));
    }

    #[test]
    fn a_part_that_fails_ends_the_whole_with_its_reason_and_without_vectors() {
        let mut parts = begun();
        parts.next(Millis(0));
        assert_eq!(parts.ended(Millis(0), 0, answer("m", &[1.0])), None);
        assert_eq!(std::iter::from_fn(|| parts.next(Millis(0))).count(), 8);
        let whole = parts.ended(Millis(1), 5, failed()).unwrap_or_else(|| panic!("it is over"));
        let code = whole.error.map(|error| error.code);
        assert_eq!(
            (whole.ok, code, whole.embeddings),
            (false, Some(DispatchErrorCode::RequestRefused), None)
        );
        assert_eq!((whole.model, whole.host), (None, None));
    }

    #[test]
    fn answers_without_vectors_are_joined_alike() {
        let mut parts = Parts::of(Millis(0), &mut embed(&[1; 40])).unwrap_or_else(|| panic!("it is many"));
        let bare = || Answer { embeddings: None, ..answer("m", &[]) };
        parts.next(Millis(0));
        assert_eq!(parts.ended(Millis(0), 0, bare()), None);
        parts.next(Millis(0));
        let whole = parts.ended(Millis(0), 1, bare()).unwrap_or_else(|| panic!("all have"));
        assert_eq!((whole.ok, whole.embeddings), (true, None));
    }
}
