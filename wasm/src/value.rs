//! Values across the border: plain objects of JavaScript, read and written by way of their JSON text; and errors as `Error` with
//! `code`, `hint` and `field`.

use serde::Serialize;
use serde::de::DeserializeOwned;
use smart_ai_core::wire::json_text;
use smart_ai_core::{ConfigError, DispatchError};
use wasm_bindgen::{JsCast, JsError, JsValue};

pub(crate) fn to_js(value: &impl Serialize) -> Result<JsValue, JsValue> {
    js_sys::JSON::parse(&serde_json::to_string(value).map_err(misuse)?)
}

pub(crate) fn from_js<T: DeserializeOwned>(value: &JsValue) -> Result<T, JsValue> {
    smart_ai_core::json::from_program(&json_text(json(value)?.as_bytes())).map_err(misuse)
}

/// The JSON of a value.
pub(crate) fn json(value: &JsValue) -> Result<String, JsValue> {
    Ok(js_sys::JSON::stringify(value)?.as_string().unwrap_or_else(|| "null".to_owned()))
}

pub(crate) fn config_error(error: ConfigError) -> JsValue {
    raise(&error.to_string(), &[("code", error.code), ("field", &error.field)])
}

pub(crate) fn dispatch_error(error: DispatchError) -> JsValue {
    raise(&error.message, &[("code", error.code.as_str()), ("hint", &error.hint)])
}

fn misuse(error: impl std::fmt::Display) -> JsValue {
    raise(&error.to_string(), &[("code", "invalid_argument")])
}

fn raise(message: &str, fields: &[(&str, &str)]) -> JsValue {
    let error: JsValue = JsError::new(message).into();
    let object: &js_sys::Object = error.unchecked_ref();
    for (key, text) in fields {
        // An Error object of our own takes every key.
        let _ = js_sys::Reflect::set(object, &JsValue::from_str(key), &JsValue::from_str(text));
    }
    error
}
