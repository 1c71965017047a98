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
        Self::new(["invalid type: ", found, ", expected ", expected].concat())
    }

    /// A field that must be there.
    #[cold]
    pub(crate) fn missing(key: &str) -> Self {
        Self::new(["missing field `", key, "`"].concat())
    }

    /// A word that is none of the allowed ones. `what` is `field` or `variant`.
    #[cold]
    pub(crate) fn unknown(what: &str, word: &str, allowed: &[&str]) -> Self {
        let quoted: Vec<String> = allowed.iter().map(|word| ["`", word, "`"].concat()).collect();
        let expected = match quoted.as_slice() {
            [] => "there are no fields".to_owned(),
            [one] => ["expected ", one].concat(),
            [one, two] => ["expected ", one, " or ", two].concat(),
            [..] => ["expected one of ", &joined(&quoted, ", ")].concat(),
        };
        let (word, _) = first(word, 40);
        Self::new(["unknown ", what, " `", word, "`, ", &expected].concat())
    }

    /// The same refusal, inside this key.
    #[cold]
    pub(crate) fn at(mut self, key: &str) -> Self {
        let dot = if self.0.path.is_empty() || self.0.path.starts_with('[') { "" } else { "." };
        self.0.path = [key, dot, &self.0.path].concat();
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
