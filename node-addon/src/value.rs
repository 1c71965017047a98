//! Values across the border: JSON texts, and errors with a code and, as JSON, what else is known.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use smart_ai_core::wire::json_text;
use smart_ai_core::{ConfigError, DispatchError};

/// The stable word of an error, as JavaScript's `error.code`.
pub(crate) type Code = String;

// The binding's macros know this type by its name.
pub(crate) use napi::Result;

pub(crate) fn to_json(value: &impl Serialize) -> Result<String, Code> {
    serde_json::to_string(value).map_err(misuse)
}

pub(crate) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, Code> {
    smart_ai_core::json::from_program(&json_text(text.as_bytes())).map_err(misuse)
}

pub(crate) fn config_error(error: ConfigError) -> napi::Error<Code> {
    let message = error.to_string();
    napi::Error::new(error.code.to_owned(), json!({ "message": message, "field": error.field }).to_string())
}

pub(crate) fn dispatch_error(error: DispatchError) -> napi::Error<Code> {
    let code = serde_json::to_value(error.code).ok();
    let code = code.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default();
    napi::Error::new(code.to_owned(), json!({ "message": error.message, "hint": error.hint }).to_string())
}

fn misuse(error: impl std::fmt::Display) -> napi::Error<Code> {
    napi::Error::new("invalid_argument".to_owned(), json!({ "message": error.to_string() }).to_string())
}
