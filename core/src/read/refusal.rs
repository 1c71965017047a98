//! Why a JSON value is not what it must be, and where.

use std::fmt;

use crate::json::Json;
use crate::text::{first, joined};

/// A value that was refused. Never quotes a text: it may be a key or a prompt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal(Box<Parts>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Parts {
    path: String,
    message: String,
}

impl Refusal {
    #[cold]
    pub(crate) fn new(message: String) -> Self {
        Self(Box::new(Parts { path: String::new(), message }))
    }

    /// A value of the wrong type.
    #[cold]
    pub(crate) fn unexpected(value: &Json, expected: &str) -> Self {
        let found = match value {
            Json::Null => "null",
            Json::Bool(_) => "boolean",
            Json::Float(_) => "floating point number",
            Json::Whole(_) | Json::Negative(_) => "integer",
            Json::Text(_) => "string",
            Json::List(_) => "list",
            Json::Object(_) => "object",
        };
        Self::new(joined(&["invalid type: ", found, ", expected ", expected], ""))
    }

    /// A field that must be there.
    #[cold]
    pub(crate) fn missing(key: &str) -> Self {
        Self::new(joined(&["missing field `", key, "`"], ""))
    }

    /// A word that is none of the allowed ones. `what` is `field` or `variant`.
    #[cold]
    pub(crate) fn unknown(what: &str, word: &str, allowed: &[&str]) -> Self {
        let (expected, between) = match allowed.len() {
            0 => ("there are no fields", ""),
            1 | 2 => ("expected `", "` or `"),
            _ => ("expected one of `", "`, `"),
        };
        let end = if allowed.is_empty() { "" } else { "`" };
        let (word, _) = first(word, 40);
        let parts = ["unknown ", what, " `", word, "`, ", expected, &joined(allowed, between), end];
        Self::new(joined(&parts, ""))
    }

    /// The same refusal, inside this key.
    #[cold]
    pub(crate) fn at(mut self, key: &str) -> Self {
        let dot = if self.0.path.is_empty() || self.0.path.starts_with('[') { "" } else { "." };
        self.0.path = joined(&[key, dot, &self.0.path], "");
        self
    }

    /// Where: `hosts[1].parallel`; empty for the value itself.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// What is wrong and what is allowed.
    pub fn message(&self) -> &str {
        &self.0.message
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.path.is_empty() {
            formatter.write_str(&self.0.path)?;
            formatter.write_str(": ")?;
        }
        formatter.write_str(&self.0.message)
    }
}

impl std::error::Error for Refusal {}
