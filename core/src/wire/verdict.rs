//! Whether an answer is usable, as far as its text alone shows.

use super::ask::Ask;
use crate::failure::{Failure, FailureKind};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Characters beyond which a text that begins like a refusal goes on to answer: refusals are short.
const REFUSAL_MOST: usize = 300;
/// How refusals begin, in lower case.
const REFUSALS: [&str; 7] = [
    "i'm sorry, but i can't",
    "i'm sorry, but i cannot",
    "i'm sorry, i can't",
    "sorry, but i can't",
    "i can't assist with",
    "i cannot assist with",
    "as an ai language model, i cannot",
];

/// What became of a whole answer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct Verdict {
    /// The answer; where JSON was asked for, without the fence around it.
    pub text: String,
    /// Why the answer is not usable.
    pub failure: Option<Failure>,
}

impl Ask {
    /// Judges a whole answer without tool calls. `reason` is the final line's `done_reason`.
    pub fn verdict(&self, text: &str, reason: &str) -> Verdict {
        let plain = if self.schema.is_some() { without_fence(text) } else { text };
        let failure = self.fault(plain, reason).map(|(kind, detail)| Failure::new(kind, detail));
        Verdict { text: plain.to_owned(), failure }
    }

    fn fault(&self, text: &str, reason: &str) -> Option<(FailureKind, &'static str)> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            // A stop word may well come first.
            let stops = self.options.as_ref().is_some_and(|options| options.contains_key("stop"));
            return (!stops).then_some((FailureKind::EmptyAnswer, "the model sent no text"));
        }
        if self.schema.is_some() {
            let detail = match serde_json::from_str::<Value>(trimmed) {
                Ok(_) => return None,
                Err(_) if reason == "length" => "the answer is cut: it is not whole JSON",
                Err(_) => "the answer is not JSON",
            };
            return Some((FailureKind::InvalidAnswer, detail));
        }
        let plain = |letter: char| if letter == '\u{2019}' { '\'' } else { letter.to_ascii_lowercase() };
        let start: String = trimmed.get(..40).unwrap_or(trimmed).chars().map(plain).collect();
        let refused = trimmed.len() <= REFUSAL_MOST && REFUSALS.iter().any(|words| start.starts_with(words));
        refused.then_some((FailureKind::RefusedAnswer, "the model refuses to answer"))
    }
}

/// What a model is told after an answer that does not fit its schema.
pub(super) fn repair_prompt(misfit: &str) -> String {
    format!("That does not fit the schema: {misfit}. Answer again, with JSON that does.")
}

/// What stands between the fences that chat models like to put around JSON.
fn without_fence(text: &str) -> &str {
    let inner = text.trim().strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    inner.map_or(text, |inner| inner.strip_prefix("json").unwrap_or(inner).trim())
}
