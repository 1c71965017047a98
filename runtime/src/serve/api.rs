//! The dispatcher by HTTP: decide, ask, what it believes, and whether it is well. Same JSON as the command line's.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};
use smart_ai_core::wire::{Ask, json_text};
use smart_ai_core::{Decision, DispatchError, DispatchErrorCode, LifecycleReport, Prepared, Snapshot};

use super::bodies::Held;
use super::dialect::{Dialect, JSON, Refusal, status_of};
use super::lines::{Wanted, lines};
use super::state::Sidecar;
use crate::driver::AskOptions;

/// The most values of one ask: lists, objects and what stands in them. In memory each takes many times the size of its text.
const VALUES_MAX: usize = 250_000;

/// What an endpoint answers: JSON, or an error of the dispatcher as JSON.
type Answer<T> = Result<Reply<T>, Refused>;

/// JSON with its status.
pub(super) struct Reply<T>(StatusCode, T);

/// An error that ends a request, with the status that tells its kind.
#[derive(Debug)]
pub(super) struct Refused {
    status: StatusCode,
    error: DispatchError,
    /// Seconds after which the client may try again.
    retry_after_s: Option<u64>,
}

impl<T: Serialize> IntoResponse for Reply<T> {
    fn into_response(self) -> Response {
        (self.0, [(CONTENT_TYPE, JSON)], Json(self.1)).into_response()
    }
}

impl From<DispatchError> for Refused {
    fn from(error: DispatchError) -> Self {
        Self { status: status_of(&error), error, retry_after_s: None }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let wait = self.retry_after_s.map(|seconds| [(RETRY_AFTER, seconds.to_string())]);
        (wait, Reply(self.status, json!({ "error": self.error }))).into_response()
    }
}

/// Alive, whatever the hosts do.
pub(super) async fn health() -> Reply<Value> {
    Reply(StatusCode::OK, json!({ "ok": true, "version": env!("CARGO_PKG_VERSION") }))
}

/// Whether the engine takes jobs, a host answers or is started when it is needed, and no other sidecar is to be asked in its place.
pub(super) async fn ready(State(sidecar): State<Arc<Sidecar>>) -> Reply<Value> {
    let engine = sidecar.engine.answers().await;
    let hosts = sidecar.inventory.hosts();
    let up: Vec<&str> = hosts.iter().filter(|(_, view)| view.up).map(|(id, _)| id.as_str()).collect();
    let others = || hosts.iter().filter(|(_, view)| !view.up).map(|(id, _)| id);
    let (asleep, down): (Vec<_>, Vec<_>) = others().partition(|id| sidecar.inventory.is_startable(id));
    let waits = sidecar.standing.as_ref().and_then(|standing| standing.borrow().waits().map(str::to_owned));
    let ok = engine && !(up.is_empty() && asleep.is_empty()) && waits.is_none();
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut told = json!({ "ok": ok, "engine": engine, "up": up, "down": down });
    if let Some(told) = told.as_object_mut().filter(|_| !asleep.is_empty()) {
        told.insert("asleep".to_owned(), json!(asleep));
    }
    if let (Some(holder), Some(told)) = (waits, told.as_object_mut()) {
        told.insert("waits".to_owned(), json!(true));
        told.insert("why".to_owned(), json!(format!("stands by; who serves: {holder}")));
    }
    Reply(status, told)
}

/// The ranked arms for a request that is not run.
pub(super) async fn decide(
    State(sidecar): State<Arc<Sidecar>>,
    headers: HeaderMap,
    body: Body,
) -> Answer<Decision> {
    let (ask, _room) = read(&sidecar, &headers, body).await?;
    Ok(Reply(StatusCode::OK, sidecar.engine.decide(&ask).await?))
}

/// Runs a request to its end, or tells in lines how it goes. Where it failed, the status tells why and the answer tells what was tried.
pub(super) async fn ask(
    State(sidecar): State<Arc<Sidecar>>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let (ask, room) = read(&sidecar, &headers, body).await?;
    let wanted = Wanted::of(uri.query());
    if wanted != Wanted::Whole {
        return Ok(lines(&sidecar.engine, ask, wanted, room));
    }
    let kept = sidecar.engine.ask_kept(ask, AskOptions::default()).await;
    Ok(Reply(kept.answer.error.as_ref().map_or(StatusCode::OK, status_of), kept).into_response())
}

/// How good an answer was, for later choices.
pub(super) async fn feedback(
    State(sidecar): State<Arc<Sidecar>>,
    headers: HeaderMap,
    body: Body,
) -> Answer<Value> {
    let (bytes, _room) = read_json(&sidecar, &headers, body).await?;
    let judgement = serde_json::from_str(&json_text(&bytes)).map_err(|_| {
        let hint = "Send one JSON object, such as {\"model\":\"…\",\"task\":\"…\",\"thumbs\":\"up\"}.";
        DispatchError::new(DispatchErrorCode::InvalidRequest, "the body is not JSON", hint)
    })?;
    sidecar.engine.feedback(judgement)?;
    Ok(Reply(StatusCode::OK, json!({ "ok": true })))
}

/// Has a model in memory before it is asked; answers once it is, or will be in time.
pub(super) async fn prepare(
    State(sidecar): State<Arc<Sidecar>>,
    headers: HeaderMap,
    body: Body,
) -> Answer<Prepared> {
    let (bytes, _room) = read_json(&sidecar, &headers, body).await?;
    let wish = serde_json::from_slice(&bytes).map_err(|_| {
        let hint = "Send one JSON object, such as {\"model\":\"qwen2.5:7b\"}.";
        DispatchError::new(DispatchErrorCode::InvalidRequest, "the body is not JSON", hint)
    })?;
    let prepared = sidecar.engine.prepare(wish).await?;
    Ok(Reply(prepared.error.as_ref().map_or(StatusCode::OK, status_of), prepared))
}

/// Which models come and go by themselves.
pub(super) async fn lifecycle(State(sidecar): State<Arc<Sidecar>>) -> Answer<LifecycleReport> {
    Ok(Reply(StatusCode::OK, sidecar.engine.lifecycle().await?))
}

/// Does what is due now, and tells of it.
pub(super) async fn apply_lifecycle(
    State(sidecar): State<Arc<Sidecar>>,
    headers: HeaderMap,
    body: Body,
) -> Answer<LifecycleReport> {
    read_json(&sidecar, &headers, body).await?;
    sidecar.engine.apply_lifecycle();
    Ok(Reply(StatusCode::OK, sidecar.engine.lifecycle().await?))
}

/// What the dispatcher believes.
pub(super) async fn snapshot(State(sidecar): State<Arc<Sidecar>>) -> Answer<Snapshot> {
    Ok(Reply(StatusCode::OK, sidecar.engine.snapshot().await?))
}

/// An ask, within the same limits as a request to the proxy. A web page can send a form or plain text anywhere, but JSON only where
/// it is allowed.
async fn read(sidecar: &Sidecar, headers: &HeaderMap, body: Body) -> Result<(Ask, Held), Refused> {
    let (bytes, room) = read_json(sidecar, headers, body).await?;
    Ok((Ask::from_json(&String::from_utf8_lossy(&bytes))?, room))
}

/// A body that is said to be JSON.
async fn read_json(sidecar: &Sidecar, headers: &HeaderMap, body: Body) -> Result<(Bytes, Held), Refused> {
    let invalid = |message: String, hint: &str| {
        Refused::from(DispatchError::new(DispatchErrorCode::InvalidRequest, message, hint))
    };
    let is_json =
        headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if !is_json {
        let hint = "Send the header Content-Type: application/json.";
        return Err(invalid("the request does not say that its body is JSON".to_owned(), hint));
    }
    let (bytes, room) = sidecar.bodies.read(headers, body).await.map_err(|unread| {
        let Refusal { status, message, retry_after_s, .. } = unread.refusal(Dialect::Ollama);
        Refused { status, retry_after_s, ..invalid(message, "Send less at a time.") }
    })?;
    if values(&bytes) > VALUES_MAX {
        let hint = "Send several asks, each with a part of it.";
        return Err(invalid(format!("the ask has more than {VALUES_MAX} values"), hint));
    }
    Ok((bytes, room))
}

/// About how many values a JSON text has, without reading any.
fn values(text: &[u8]) -> usize {
    let (mut quoted, mut escaped, mut values) = (false, false, 1);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' | b'[' | b'{' if !quoted => values += 1,
            _ => {}
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::values;

    #[test]
    fn values_are_counted_outside_texts() {
        assert_eq!(values(br#"{"prompt":"a, [b], {c} \" d,","stop":["x","y"]}"#), 5);
        assert_eq!(values(b"[[[[[["), 7);
    }
}
