//! What a text asks for and how long it is, from the text alone.

mod cues;
mod length;
mod letters;
mod task;
mod tokens;

use crate::request::Task;
use serde::{Deserialize, Serialize};

pub(crate) use length::stated_tokens;
pub(crate) use task::{Cues, task_of};
pub(crate) use tokens::text_tokens;

/// What a text shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct Classification {
    /// The kind of work; never `vision` or `embed`, which no text shows.
    pub task: Task,
    /// Estimated tokens, within about 20 % on ordinary text for vocabularies of 100,000 pieces or more.
    pub prompt_tokens: u32,
}

/// Classifies and measures a text. Pure: the same text gives the same answer everywhere.
pub fn classify(text: &str) -> Classification {
    Classification { task: task_of(text, Cues::default()), prompt_tokens: text_tokens(text) }
}
