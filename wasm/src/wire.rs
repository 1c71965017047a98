//! The wire's pure functions, under their JavaScript names.

use std::time::Duration;

use serde_json::Value;
use smart_ai_core::JobId;
use smart_ai_core::wire::{self, Answer, Ask, FleetConfig};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::value::{config_error, dispatch_error, from_js, json, to_js};

fn ask_of(ask: &JsValue) -> Result<Ask, JsValue> {
    Ask::from_json(&json(ask)?).map_err(dispatch_error)
}

/// Splits a fleet's configuration into what core may know and what a driver keeps. Throws `config_invalid`.
#[wasm_bindgen(js_name = splitConfig)]
pub fn split_config(config: &JsValue) -> Result<JsValue, JsValue> {
    to_js(&FleetConfig::from_json(&json(config)?).and_then(|config| config.split()).map_err(config_error)?)
}

/// The kind of work a text asks for, and its tokens.
#[wasm_bindgen]
pub fn classify(text: &str) -> Result<JsValue, JsValue> {
    to_js(&wire::classify(text))
}

/// What core is told of an ask. Throws `invalid_request`.
#[wasm_bindgen(js_name = askRequest)]
pub fn ask_request(ask: &JsValue) -> Result<JsValue, JsValue> {
    to_js(&ask_of(ask)?.request().map_err(dispatch_error)?)
}

/// The HTTP body of a call, as text.
#[wasm_bindgen(js_name = askBody)]
pub fn ask_body(ask: &JsValue, model: &str, options: &JsValue) -> Result<String, JsValue> {
    Ok(ask_of(ask)?.body(model, &from_js(options)?).to_string())
}

/// The path a call goes to.
#[wasm_bindgen(js_name = askEndpoint)]
pub fn ask_endpoint(ask: &JsValue) -> Result<String, JsValue> {
    Ok(ask_of(ask)?.endpoint().to_owned())
}

/// How many of its messages each part of an ask holds, in order.
#[wasm_bindgen(js_name = askParts)]
pub fn ask_parts(ask: &JsValue) -> Result<JsValue, JsValue> {
    to_js(&ask_of(ask)?.parts())
}

/// Whether a whole answer without tool calls is usable, and its text.
#[wasm_bindgen(js_name = askVerdict)]
pub fn ask_verdict(ask: &JsValue, text: &str, reason: &str) -> Result<JsValue, JsValue> {
    to_js(&ask_of(ask)?.verdict(text, reason))
}

/// The event of a `prepare`: a caller wants a model in memory. `wall_ms` is what time it is, in milliseconds since 1970. Throws
/// `invalid_request`.
#[wasm_bindgen(js_name = prepareEvent)]
pub fn prepare_event(job: f64, wish: &JsValue, wall_ms: f64) -> Result<JsValue, JsValue> {
    let event = wire::prepare_event(JobId(job as u64), from_js(wish)?, wall_ms as u64);
    to_js(&event.map_err(dispatch_error)?)
}

/// The event of a judgement of an answer. Throws `invalid_request`.
#[wasm_bindgen(js_name = feedbackEvent)]
pub fn feedback_event(feedback: &JsValue) -> Result<JsValue, JsValue> {
    to_js(&wire::feedback_event(from_js(feedback)?).map_err(dispatch_error)?)
}

/// Reads a streamed answer piece by piece.
#[wasm_bindgen]
#[derive(Default)]
pub struct AnswerReader(wire::AnswerReader);

#[wasm_bindgen]
impl AnswerReader {
    /// A reader before the first byte.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes as they come; gives every piece they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Result<JsValue, JsValue> {
        to_js(&self.0.push(bytes))
    }

    /// The last piece once the bytes have ended: null after a final line, a failure otherwise.
    pub fn finish(&mut self) -> Result<JsValue, JsValue> {
        to_js(&self.0.finish())
    }
}

/// The vectors and usage of an answer of `/api/embed`, or its failure.
#[wasm_bindgen(js_name = readEmbeddings)]
pub fn read_embeddings(body: &str) -> Result<JsValue, JsValue> {
    to_js(&wire::read_embeddings(body))
}

/// Reads the body of `/api/version`.
#[wasm_bindgen(js_name = readVersion)]
pub fn read_version(body: &str) -> Result<JsValue, JsValue> {
    to_js(&wire::read_version(body))
}

/// Reads the body of `/api/tags`.
#[wasm_bindgen(js_name = readTags)]
pub fn read_tags(body: &str) -> Result<JsValue, JsValue> {
    to_js(&wire::read_tags(body))
}

/// Reads the body of `/api/ps`.
#[wasm_bindgen(js_name = readPs)]
pub fn read_ps(body: &str, date: Option<String>) -> Result<JsValue, JsValue> {
    to_js(&wire::read_ps(body, date.as_deref()))
}

/// Reads the body of `/api/show`.
#[wasm_bindgen(js_name = readShow)]
pub fn read_show(body: &str) -> Result<JsValue, JsValue> {
    to_js(&wire::read_show(body))
}

/// Reads the metrics server's answer.
#[wasm_bindgen(js_name = readMetrics)]
pub fn read_metrics(status: u16, body: &str) -> Result<JsValue, JsValue> {
    to_js(&wire::read_metrics(status, body))
}

/// What an HTTP status other than success means.
#[wasm_bindgen(js_name = failureOfStatus)]
pub fn failure_of_status(
    status: u16,
    body: &str,
    retry_after: Option<String>,
    location: Option<String>,
) -> Result<JsValue, JsValue> {
    to_js(&wire::failure_of_status(status, body, retry_after.as_deref(), location.as_deref()))
}

/// What a lost connection means.
#[wasm_bindgen(js_name = failureOfConnection)]
pub fn failure_of_connection(code: Option<String>, message: &str) -> Result<JsValue, JsValue> {
    to_js(&wire::failure_of_connection(code.as_deref(), message))
}

/// How to mend what a failure's detail tells, where that is known.
#[wasm_bindgen]
pub fn remedy(detail: &str) -> Option<String> {
    wire::remedy(detail).map(str::to_owned)
}

/// Why an ask of one token brought none; null where it did.
#[wasm_bindgen(js_name = canaryFailure)]
pub fn canary_failure(reply: &JsValue) -> Result<JsValue, JsValue> {
    to_js(&wire::canary_failure(&from_js(reply)?))
}

/// What time it is for a driver: a clock that no setting moves, and that goes on while the machine sleeps.
#[wasm_bindgen]
#[derive(Default)]
pub struct Clock(wire::Clock);

#[wasm_bindgen]
impl Clock {
    /// A clock that has not been read yet.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Milliseconds since 1970, by the milliseconds of a steady clock and of the wall clock.
    pub fn read(&mut self, steady_ms: f64, wall_ms: f64) -> f64 {
        let time = |ms: f64| Duration::try_from_secs_f64(ms / 1e3).unwrap_or_default();
        self.0.read(time(steady_ms), time(wall_ms)).as_secs_f64() * 1e3
    }
}

/// The answer of a job that has one.
#[wasm_bindgen(js_name = answerResolved)]
pub fn answer_resolved(
    id: &JsValue,
    text: String,
    embeddings: &JsValue,
    outcome: &JsValue,
    decision: &JsValue,
) -> Result<JsValue, JsValue> {
    let answer = Answer::resolved(Value::Null, text, from_js(embeddings)?, from_js(outcome)?, None);
    with_id(answer, id, decision)
}

/// The answer of a job that ended without one.
#[wasm_bindgen(js_name = answerRejected)]
pub fn answer_rejected(
    id: &JsValue,
    text: String,
    error: &JsValue,
    outcome: &JsValue,
    decision: &JsValue,
) -> Result<JsValue, JsValue> {
    let answer = Answer::rejected(Value::Null, text, from_js(error)?, from_js(outcome)?, None);
    with_id(answer, id, decision)
}

/// The answer to an ask that never became a job.
#[wasm_bindgen(js_name = answerRefused)]
pub fn answer_refused(id: &JsValue, error: &JsValue) -> Result<JsValue, JsValue> {
    with_id(Answer::refused(Value::Null, from_js(error)?), id, &JsValue::NULL)
}

fn with_id(mut answer: Answer, id: &JsValue, decision: &JsValue) -> Result<JsValue, JsValue> {
    answer.id = from_js(id)?;
    // Core made the decision, and nobody need read it again.
    let answer = to_js(&answer)?;
    js_sys::Reflect::set(&answer, &"decision".into(), decision)?;
    Ok(answer)
}
