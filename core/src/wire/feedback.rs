//! What a caller says of an answer it got.

use super::fields::{Fields, invalid};
use crate::event::{Event, Rating};
use crate::failure::DispatchError;
use crate::names::ModelName;
use crate::request::Task;
use serde_json::Value;

const KNOWN: &str = "model, task, thumbs, score, schema_valid, edit_distance, answer, edited";
/// Words of each text that are compared.
const WORDS: usize = 2_000;

/// A judgement of one answer. Exactly one of `thumbs`, `score`, `schema_valid`, `edit_distance` and `edited` is given.
#[derive(Clone, PartialEq, Debug, Default)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts", optional_fields))]
pub struct Feedback {
    /// The model that answered: the answer's `model`.
    #[cfg_attr(feature = "typescript", ts(type = "string"))]
    pub model: String,
    /// What was asked for: the answer's `decision.task`.
    pub task: Task,
    /// `"up"` or `"down"`.
    #[cfg_attr(feature = "typescript", ts(type = "\"up\" | \"down\"", optional))]
    pub thumbs: Option<String>,
    /// From 0, useless, to 1, as good as can be.
    pub score: Option<f64>,
    /// Whether the answer fits the schema it was asked to fit.
    pub schema_valid: Option<bool>,
    /// The share of the answer a person changed before use, 0 to 1.
    pub edit_distance: Option<f64>,
    /// The answer as it came, with `edited`.
    pub answer: Option<String>,
    /// The answer as a person corrected it.
    pub edited: Option<String>,
}

/// The event of a judgement in JSON, in the shape of [`Feedback`].
///
/// # Errors
/// `invalid_request` where it names no model or task, or not exactly one judgement; never quotes a text.
pub fn feedback_event(value: Value) -> Result<Event, DispatchError> {
    let mut fields = Fields::of(value)?;
    let (model, task) = (fields.name("model"), fields.task());
    fields.refused()?;
    let (Some(model), Some(task)) = (model, task) else {
        return Err(invalid(
            "model and task are needed",
            "Take both from the answer: model and decision.task.",
        ));
    };
    let (answer, edited) = (fields.text("answer"), fields.text("edited"));
    fields.refused()?;
    let distance = match (answer, edited) {
        (Some(answer), Some(edited)) => Some(edit_distance(&answer, &edited)),
        (None, None) => None,
        _ => return Err(invalid("answer and edited go together", "Send both texts, or neither.")),
    };
    let ratings = [
        fields.thumbs().map(Rating::Thumbs),
        fields.share("score").map(Rating::Score),
        fields.flag("schema_valid").map(Rating::SchemaValid),
        fields.share("edit_distance").or(distance).map(Rating::EditDistance),
    ];
    fields.finish(KNOWN)?;
    match ratings {
        [Some(rating), None, None, None]
        | [None, Some(rating), None, None]
        | [None, None, Some(rating), None]
        | [None, None, None, Some(rating)] => {
            Ok(Event::Feedback { model: ModelName::from(model), task, rating })
        }
        _ => Err(invalid(
            "exactly one judgement is needed",
            "Send thumbs, score, schema_valid, edit_distance, or answer with edited.",
        )),
    }
}

/// The share of words that were put in, taken out or changed (Levenshtein's distance by words, from 0 to 1).
fn edit_distance(answer: &str, edited: &str) -> f64 {
    let (from, to) = (words(answer), words(edited));
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, word) in from.iter().enumerate() {
        let mut left = line + 1;
        let mut places = row.iter_mut();
        let mut corner = places.next().map_or(line, |first| std::mem::replace(first, left));
        for (place, other) in places.zip(&to) {
            left = (corner + usize::from(word != other)).min(*place + 1).min(left + 1);
            corner = std::mem::replace(place, left);
        }
    }
    let longest = from.len().max(to.len()).max(1);
    row.last().copied().unwrap_or(0) as f64 / longest as f64
}

fn words(text: &str) -> Vec<&str> {
    text.split_ascii_whitespace().take(WORDS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_is_the_share_of_words_that_differ() {
        let close = |left: f64, right: f64| (left - right).abs() < 1e-9;
        assert!(close(edit_distance("a b c d", "a b c d"), 0.0));
        assert!(close(edit_distance("a b c d", "a x c d"), 0.25));
        assert!(close(edit_distance("a b c", "a b c d"), 0.25));
        assert!(close(edit_distance("a b c d", "b c d"), 0.25));
        assert!(close(edit_distance("a b", "x y"), 1.0));
        assert!(close(edit_distance("", ""), 0.0) && close(edit_distance("", "x"), 1.0));
    }
}
