//! Reading core's types from JSON. An error names the place of a wrong value and what is allowed there; it never quotes the
//! value, which may be a key or a prompt.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::text::first;

/// A JSON object. Keeps the order of its keys: a model fills in a schema's properties in that order.
pub type Object = serde_json::Map<String, Value>;

/// Characters of an unknown key or word that a message shows.
const SHOWN: usize = 40;

/// Why a JSON value was refused, and where. Never quotes a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    path: String,
    message: String,
}

impl Refusal {
    /// Where: `hosts[1].parallel`; empty for the value itself.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong and what is allowed.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl Refusal {
    /// Names further keys that an unknown one could have been.
    pub(crate) fn knowing(mut self, keys: &[&str]) -> Self {
        if self.message.starts_with("unknown field") {
            self.message.extend(keys.iter().map(|key| format!(", `{key}`")));
        }
        self
    }

    /// The refusal of a value that stands at this place of a larger one.
    pub(crate) fn within(mut self, place: &str) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        self.path = format!("{place}{dot}{}", self.path);
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(formatter, "{}: ", self.path)?;
        }
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

/// Reads a JSON text.
///
/// # Errors
/// The first thing that is not as it must be, with its place.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, Refusal> {
    from_value(serde_json::from_str(text).map_err(|error| refusal("", &error))?)
}

/// Reads JSON that a program wrote. A message does not say where a wrong value stands, as nobody would mend it by hand; that takes
/// half the time of [`from_str`], and far less code.
///
/// # Errors
/// The first value that is not as it must be.
pub fn from_program<T: DeserializeOwned>(text: &str) -> Result<T, Refusal> {
    serde_json::from_str(text).map_err(|error| refusal("", &error))
}

/// Reads a JSON value.
///
/// # Errors
/// As [`from_str`].
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, Refusal> {
    serde_path_to_error::deserialize(value).map_err(|error: serde_path_to_error::Error<serde_json::Error>| {
        let path = error.path().to_string();
        refusal(if path == "." { "" } else { &path }, error.inner())
    })
}

/// Reads a JSON value that stands at `place` in a larger one.
///
/// # Errors
/// As [`from_str`].
pub fn from_value_at<T: DeserializeOwned>(value: Value, place: &str) -> Result<T, Refusal> {
    from_value(value).map_err(|refusal| refusal.within(place))
}

/// The one place where serde's messages become ours: what was found is told by its type only.
fn refusal(path: &str, error: &serde_json::Error) -> Refusal {
    let text = error.to_string();
    if !error.is_data() {
        return Refusal { path: String::new(), message: text };
    }
    let place = format!(" at line {} column {}", error.line(), error.column());
    let text = text.strip_suffix(&place).unwrap_or(&text);
    let mut path = path.to_owned();
    let wrong = ["invalid type: ", "invalid value: "]
        .iter()
        .find_map(|start| Some((start, text.strip_prefix(start)?)));
    let message = if text.starts_with("invalid length") && text.contains("expected struct ") {
        "invalid type: list, expected an object".to_owned()
    } else if let Some((start, rest)) = wrong {
        let (found, expected) = rest.rsplit_once(", expected ").unwrap_or((rest, "another value"));
        format!("{start}{}, expected {}", kind(found), allowed(expected))
    } else if let Some(rest) = text.strip_prefix("unknown field `") {
        let (key, known) = unknown(rest);
        append(&mut path, key);
        format!("unknown field `{}`, {known}", first(key, SHOWN).0)
    } else if let Some(rest) = text.strip_prefix("unknown variant `") {
        let (word, known) = unknown(rest);
        format!("unknown variant `{}`, {known}", first(word, SHOWN).0)
    } else {
        if let Some(key) = text.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
            append(&mut path, key);
        }
        text.to_owned()
    };
    Refusal { path, message }
}

/// What serde says of an unknown word: the word itself, and those that are known.
fn unknown(text: &str) -> (&str, &str) {
    let ends = ["`, expected ", "`, there are no "].iter().filter_map(|end| text.rfind(end)).max();
    ends.and_then(|end| Some((text.get(..end)?, text.get(end + 3..)?))).unwrap_or((text, "expected another"))
}

fn append(path: &mut String, key: &str) {
    if path != key && !path.ends_with(&format!(".{key}")) {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(key);
    }
}

/// The type of what was found, without the value that serde writes behind it.
fn kind(found: &str) -> &str {
    let end = found.find(['"', '`']).unwrap_or(found.len());
    match found.get(..end).unwrap_or_default().trim_end() {
        "map" => "object",
        "sequence" => "list",
        "floating point" => "floating point number",
        kind => kind,
    }
}

/// What is allowed, in words for people who write configurations.
fn allowed(expected: &str) -> &str {
    match expected {
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" => "a whole number of zero or more",
        "f32" | "f64" => "a number",
        "a sequence" => "a list",
        "a map" => "an object",
        _ if expected.starts_with("struct ") => "an object",
        _ if expected.contains("enum ") => "a word",
        _ => expected,
    }
}
