//! The wire's pure functions, under their JavaScript names; texts in and out are JSON where they are values.

use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;
use serde_json::Value;
use smart_ai_core::wire::{self, Answer, Ask, FleetConfig};
use smart_ai_core::{Decision, JobId};

use crate::value::{Code, Result, config_error, dispatch_error, from_json, to_json};

fn ask_of(ask: &str) -> Result<Ask, Code> {
    Ask::from_json(ask).map_err(dispatch_error)
}

/// Splits a fleet's configuration into what core may know and what a driver keeps. Throws `config_invalid`.
#[napi(js_name = "splitConfig", catch_unwind)]
pub fn split_config(config: String) -> Result<String, Code> {
    to_json(&FleetConfig::from_json(&config).and_then(|config| config.split()).map_err(config_error)?)
}

/// The kind of work a text asks for, and its tokens.
#[napi(catch_unwind)]
pub fn classify(text: String) -> Result<String, Code> {
    to_json(&wire::classify(&text))
}

/// What core is told of an ask. Throws `invalid_request`.
#[napi(js_name = "askRequest", catch_unwind)]
pub fn ask_request(ask: String) -> Result<String, Code> {
    to_json(&ask_of(&ask)?.request().map_err(dispatch_error)?)
}

/// The HTTP body of a call, as text.
#[napi(js_name = "askBody", catch_unwind)]
pub fn ask_body(ask: String, model: String, options: String) -> Result<String, Code> {
    Ok(ask_of(&ask)?.body(&model, &from_json(&options)?).to_string())
}

/// The path a call goes to.
#[napi(js_name = "askEndpoint", catch_unwind)]
pub fn ask_endpoint(ask: String) -> Result<String, Code> {
    Ok(ask_of(&ask)?.endpoint().to_owned())
}

/// How many of its messages each part of an ask holds, in order.
#[napi(js_name = "askParts", catch_unwind)]
pub fn ask_parts(ask: String) -> Result<String, Code> {
    to_json(&ask_of(&ask)?.parts())
}

/// Whether a whole answer without tool calls is usable, and its text.
#[napi(js_name = "askVerdict", catch_unwind)]
pub fn ask_verdict(ask: String, text: String, reason: String) -> Result<String, Code> {
    to_json(&ask_of(&ask)?.verdict(&text, &reason))
}

/// The event of a judgement of an answer. Throws `invalid_request`.
#[napi(js_name = "feedbackEvent", catch_unwind)]
pub fn feedback_event(feedback: String) -> Result<String, Code> {
    to_json(&wire::feedback_event(from_json(&feedback)?).map_err(dispatch_error)?)
}

/// The event of a `prepare`: a caller wants a model in memory. `wall_ms` is what time it is, in milliseconds since 1970. Throws
/// `invalid_request`.
#[napi(js_name = "prepareEvent", catch_unwind)]
pub fn prepare_event(job: f64, wish: String, wall_ms: f64) -> Result<String, Code> {
    let event = wire::prepare_event(JobId(job as u64), from_json(&wish)?, wall_ms as u64);
    to_json(&event.map_err(dispatch_error)?)
}

/// Reads a streamed answer piece by piece.
#[napi]
#[derive(Default)]
pub struct AnswerReader(wire::AnswerReader);

#[napi]
impl AnswerReader {
    /// A reader before the first byte.
    #[napi(constructor, catch_unwind)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes as they come; gives every piece they complete.
    #[napi(catch_unwind)]
    pub fn push(&mut self, bytes: Uint8Array) -> Result<String, Code> {
        to_json(&self.0.push(&bytes))
    }

    /// The last piece once the bytes have ended: null after a final line, a failure otherwise.
    #[napi(catch_unwind)]
    pub fn finish(&mut self) -> Result<String, Code> {
        to_json(&self.0.finish())
    }
}

/// The vectors and usage of an answer of `/api/embed`, or its failure.
#[napi(js_name = "readEmbeddings", catch_unwind)]
pub fn read_embeddings(body: String) -> Result<String, Code> {
    to_json(&wire::read_embeddings(&body))
}

/// Reads the body of `/api/version`.
#[napi(js_name = "readVersion", catch_unwind)]
pub fn read_version(body: String) -> Result<String, Code> {
    to_json(&wire::read_version(&body))
}

/// Reads the body of `/api/tags`.
#[napi(js_name = "readTags", catch_unwind)]
pub fn read_tags(body: String) -> Result<String, Code> {
    to_json(&wire::read_tags(&body))
}

/// Reads the body of `/api/ps`.
#[napi(js_name = "readPs", catch_unwind)]
pub fn read_ps(body: String, date: Option<String>) -> Result<String, Code> {
    to_json(&wire::read_ps(&body, date.as_deref()))
}

/// Reads the body of `/api/show`.
#[napi(js_name = "readShow", catch_unwind)]
pub fn read_show(body: String) -> Result<String, Code> {
    to_json(&wire::read_show(&body))
}

/// Reads the metrics server's answer.
#[napi(js_name = "readMetrics", catch_unwind)]
pub fn read_metrics(status: u16, body: String) -> Result<String, Code> {
    to_json(&wire::read_metrics(status, &body))
}

/// What an HTTP status other than success means.
#[napi(js_name = "failureOfStatus", catch_unwind)]
pub fn failure_of_status(
    status: u16,
    body: String,
    retry_after: Option<String>,
    location: Option<String>,
) -> Result<String, Code> {
    to_json(&wire::failure_of_status(status, &body, retry_after.as_deref(), location.as_deref()))
}

/// What a lost connection means.
#[napi(js_name = "failureOfConnection", catch_unwind)]
pub fn failure_of_connection(code: Option<String>, message: String) -> Result<String, Code> {
    to_json(&wire::failure_of_connection(code.as_deref(), &message))
}

/// How to mend what a failure's detail tells, where that is known; `null` elsewhere.
#[napi(catch_unwind)]
pub fn remedy(detail: String) -> Result<String, Code> {
    to_json(&wire::remedy(&detail))
}

/// Why an ask of one token brought none; null where it did.
#[napi(js_name = "canaryFailure", catch_unwind)]
pub fn canary_failure(reply: String) -> Result<String, Code> {
    to_json(&wire::canary_failure(&from_json(&reply)?))
}

/// The answer of a job that has one.
#[napi(js_name = "answerResolved", catch_unwind)]
pub fn answer_resolved(
    id: String,
    text: String,
    embeddings: String,
    outcome: String,
    decision: String,
) -> Result<String, Code> {
    let decision: Option<Decision> = from_json(&decision)?;
    to_json(&Answer::resolved(
        from_json::<Value>(&id)?,
        text,
        from_json(&embeddings)?,
        from_json(&outcome)?,
        decision,
    ))
}

/// The answer of a job that ended without one.
#[napi(js_name = "answerRejected", catch_unwind)]
pub fn answer_rejected(
    id: String,
    text: String,
    error: String,
    outcome: String,
    decision: String,
) -> Result<String, Code> {
    let decision: Option<Decision> = from_json(&decision)?;
    to_json(&Answer::rejected(
        from_json::<Value>(&id)?,
        text,
        from_json(&error)?,
        from_json(&outcome)?,
        decision,
    ))
}

/// The answer to an ask that never became a job.
#[napi(js_name = "answerRefused", catch_unwind)]
pub fn answer_refused(id: String, error: String) -> Result<String, Code> {
    to_json(&Answer::refused(from_json::<Value>(&id)?, from_json(&error)?))
}
