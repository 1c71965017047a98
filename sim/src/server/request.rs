//! What callers send, and Go's words for what it cannot be.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::reply::ApiError;
use crate::duration;
use crate::scheduler::{LoadOptions, Nanos};

/// `/api/chat` and `/api/generate`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CompletionRequest {
    pub(crate) model: Option<String>,
    pub(crate) messages: Option<Vec<Message>>,
    pub(crate) prompt: Option<String>,
    pub(crate) suffix: Option<String>,
    pub(crate) system: Option<String>,
    pub(crate) template: Option<String>,
    pub(crate) context: Option<Vec<i64>>,
    pub(crate) raw: Option<bool>,
    pub(crate) images: Option<Vec<String>>,
    pub(crate) tools: Option<Vec<Value>>,
    pub(crate) stream: Option<bool>,
    pub(crate) format: Option<Value>,
    pub(crate) keep_alive: Option<Value>,
    pub(crate) options: Option<Map<String, Value>>,
    pub(crate) think: Option<Value>,
    pub(crate) truncate: Option<bool>,
    pub(crate) shift: Option<bool>,
    pub(crate) top_logprobs: Option<i64>,
}

/// One message of a chat.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Message {
    pub(crate) role: Option<String>,
    pub(crate) content: Option<String>,
    pub(crate) images: Option<Vec<String>>,
}

/// `/api/embed`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct EmbedRequest {
    pub(crate) model: Option<String>,
    pub(crate) input: Option<Value>,
    pub(crate) truncate: Option<bool>,
    pub(crate) dimensions: Option<u64>,
    pub(crate) keep_alive: Option<Value>,
    pub(crate) options: Option<Map<String, Value>>,
}

/// `/api/show`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ShowRequest {
    pub(crate) model: Option<String>,
    pub(crate) name: Option<String>,
}

/// Reads a body as Ollama does: the first JSON value counts, what follows it does not.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8], go_type: &str) -> Result<T, ApiError> {
    if body.trim_ascii().is_empty() {
        return Err(ApiError::bad_request("missing request body"));
    }
    // Serde would take a list for a struct.
    if body.trim_ascii_start().starts_with(b"[")
        && let Ok(list) = Value::deserialize(&mut serde_json::Deserializer::from_slice(body))
    {
        return Err(ApiError::bad_request(wrong_type(&list, go_type)));
    }
    T::deserialize(&mut serde_json::Deserializer::from_slice(body))
        .map_err(|error| ApiError::bad_request(explain(body, go_type, &error)))
}

fn explain(body: &[u8], go_type: &str, error: &serde_json::Error) -> String {
    if error.is_eof() {
        return "unexpected EOF".to_owned();
    }
    if let Ok(value) = Value::deserialize(&mut serde_json::Deserializer::from_slice(body)) {
        return wrong_type(&value, go_type);
    }
    let line = body.split(|byte| *byte == b'\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
    let character = line.get(error.column().saturating_sub(1)).copied().map_or('\u{0}', char::from);
    let text = error.to_string();
    if let Some((literal, expected)) = broken_literal(line, error.column()) {
        return format!("invalid character '{character}' in literal {literal} (expecting '{expected}')");
    }
    let context = if text.starts_with("key must be a string") {
        "looking for beginning of object key string"
    } else if text.starts_with("expected `:`") {
        "after object key"
    } else if text.starts_with("expected `,` or `}`") {
        "after object key:value pair"
    } else if text.starts_with("expected `,` or `]`") {
        "after array element"
    } else {
        "looking for beginning of value"
    };
    format!("invalid character '{character}' {context}")
}

/// The word that the text up to this column began to spell, and the letter it should go on with.
fn broken_literal(line: &[u8], column: usize) -> Option<(&'static str, char)> {
    let before = line.get(..column.saturating_sub(1))?;
    let letters = before.iter().rev().take_while(|byte| byte.is_ascii_lowercase()).count();
    let begun =
        std::str::from_utf8(before.get(before.len() - letters..)?).ok().filter(|word| !word.is_empty())?;
    let literal = ["null", "true", "false"].into_iter().find(|literal| literal.starts_with(begun))?;
    Some((literal, literal.chars().nth(letters)?))
}

fn wrong_type(value: &Value, go_type: &str) -> String {
    let Value::Object(fields) = value else {
        return format!("json: cannot unmarshal {} into Go value of type api.{go_type}", go_kind(value));
    };
    let wanted = |name: &str| match name {
        "model" | "name" | "prompt" | "suffix" | "system" | "template" => Some(("string", "string")),
        "stream" | "truncate" | "shift" | "raw" => Some(("bool", "bool")),
        "messages" => Some(("array", "[]api.Message")),
        "tools" => Some(("array", "api.Tools")),
        "options" => Some(("object", "map[string]interface {}")),
        "images" => Some(("array", "[]api.ImageData")),
        "context" => Some(("array", "[]int")),
        "top_logprobs" | "dimensions" => Some(("number", "int")),
        _ => None,
    };
    for (name, value) in fields {
        if let Some((kind, shown)) = wanted(name)
            && !value.is_null()
            && go_kind(value) != kind
        {
            let found = go_kind(value);
            return format!(
                "json: cannot unmarshal {found} into Go struct field {go_type}.{name} of type {shown}"
            );
        }
    }
    let messages = fields.get("messages").and_then(Value::as_array).into_iter().flatten();
    for (name, value) in messages.filter_map(Value::as_object).flatten() {
        if matches!(name.as_str(), "role" | "content") && !value.is_string() && !value.is_null() {
            let found = go_kind(value);
            return format!(
                "json: cannot unmarshal {found} into Go struct field {go_type}.messages.{name} of type string"
            );
        }
    }
    "json: cannot unmarshal value into Go struct field".to_owned()
}

fn go_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// `keep_alive` of a request.
pub(crate) fn session(value: Option<&Value>) -> Result<Option<Nanos>, ApiError> {
    value.map(duration::keep_alive).transpose().map_err(ApiError::bad_request)
}

/// Whether the caller wants thinking: unset, off or on.
pub(crate) fn think(value: Option<&Value>) -> Result<Option<bool>, ApiError> {
    const CHOICES: &str = "\"high\", \"medium\", \"low\", \"max\", true, or false";
    match value {
        None => Ok(None),
        Some(Value::Bool(on)) => Ok(Some(*on)),
        Some(Value::String(level)) if ["high", "medium", "low", "max"].contains(&level.as_str()) => {
            Ok(Some(true))
        }
        Some(Value::String(level)) => {
            Err(ApiError::bad_request(format!("invalid think value: {level:?} (must be {CHOICES})")))
        }
        Some(_) => Err(ApiError::bad_request(format!("think must be a boolean or string ({CHOICES})"))),
    }
}

/// Options that this simulation heeds.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) load: LoadOptions,
    pub(crate) num_predict: i64,
    pub(crate) seed: i64,
    pub(crate) stop: Vec<String>,
}

/// Reads `options`; an unknown one is ignored, a wrong type is Ollama's 500.
pub(crate) fn options(given: Option<&Map<String, Value>>, num_ctx: u64) -> Result<Options, ApiError> {
    const INTEGERS: &[&str] = &[
        "num_ctx",
        "num_batch",
        "num_gpu",
        "main_gpu",
        "num_thread",
        "num_keep",
        "seed",
        "num_predict",
        "top_k",
        "repeat_last_n",
    ];
    const FLOATS: &[&str] = &[
        "top_p",
        "min_p",
        "typical_p",
        "temperature",
        "repeat_penalty",
        "presence_penalty",
        "frequency_penalty",
    ];
    let empty = Map::new();
    let given = given.unwrap_or(&empty);
    let typed =
        |name: &str, wanted: &str| ApiError::internal(format!("option {name:?} must be of type {wanted}"));
    for (name, value) in given.iter().filter(|(_, value)| !value.is_null()) {
        let name = name.as_str();
        if INTEGERS.contains(&name) && !value.is_number() {
            return Err(typed(name, "integer"));
        } else if FLOATS.contains(&name) && !value.is_number() {
            return Err(typed(name, "float32"));
        } else if name == "use_mmap" && !value.is_boolean() {
            return Err(typed(name, "boolean"));
        } else if name == "stop" {
            let Value::Array(items) = value else { return Err(typed(name, "array")) };
            if !items.iter().all(Value::is_string) {
                return Err(ApiError::internal(format!("option {name:?} must be of an array of strings")));
            }
        }
    }
    let integer = |name: &str, default: i64| {
        given.get(name).and_then(Value::as_f64).map_or(default, |number| number as i64)
    };
    let stop = given.get("stop").and_then(Value::as_array).into_iter().flatten();
    Ok(Options {
        load: LoadOptions {
            num_ctx: integer("num_ctx", num_ctx.cast_signed()).max(4).unsigned_abs(),
            num_gpu: integer("num_gpu", -1),
            rest: (
                integer("num_batch", 512),
                integer("main_gpu", 0),
                integer("num_thread", 0),
                given.get("use_mmap").and_then(Value::as_bool),
            ),
        },
        num_predict: integer("num_predict", -1),
        seed: integer("seed", -1),
        stop: stop.filter_map(Value::as_str).map(str::to_owned).collect(),
    })
}
