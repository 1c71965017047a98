//! What is asked for, and in whose words: Ollama's own, `OpenAI`'s or Anthropic's.

mod events;
mod fold;
mod fold_events;
mod gathered;
mod lines;
mod operation;
mod refusal;
mod whole;

pub(super) use operation::Operation;
pub(super) use refusal::{JSON, Refusal, status_of};

/// Whose words an API uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Dialect {
    Ollama,
    OpenAi,
    Anthropic,
}

impl Dialect {
    /// The one spoken at a path.
    pub(super) fn of_path(path: &str) -> Self {
        match path {
            "/v1/messages" => Self::Anthropic,
            path if path.starts_with("/v1/") => Self::OpenAi,
            _ => Self::Ollama,
        }
    }
}
