//! The dispatcher by HTTP: decide, ask, what it believes, and whether it is well. Same JSON as the command line's.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use axum::routing::{get, post};
use serde::Serialize;
use serde_json::json;
use smart_ai_core::wire::Ask;
use smart_ai_core::{DispatchError, DispatchErrorCode};

use super::bodies::Held;
use super::dialect::status_of;
use super::proxy::Proxy;
use crate::driver::AskOptions;

/// Values an ask may have: lists, objects and what stands in them. Each takes many times its text in memory.
const VALUES_MAX: usize = 250_000;

/// The routes.
pub(super) fn routes() -> Router<Arc<Proxy>> {
    Router::new()
        .route("/smart-ai/decide", post(decide))
        .route("/smart-ai/ask", post(ask))
        .route("/smart-ai/prepare", post(prepare))
        .route("/smart-ai/snapshot", get(snapshot))
        .route("/smart-ai/health", get(health))
        .route("/smart-ai/ready", get(ready))
}

/// Alive, whatever the hosts do.
pub(super) async fn health() -> Response<Body> {
    reply(StatusCode::OK, &json!({ "ok": true, "version": env!("CARGO_PKG_VERSION") }))
}

/// Whether the engine takes jobs and a host answers.
pub(super) async fn ready(State(proxy): State<Arc<Proxy>>) -> Response<Body> {
    let engine = proxy.engine.answers().await;
    let hosts = proxy.inventory.hosts();
    let up: Vec<&str> = hosts.iter().filter(|(_, view)| view.up).map(|(id, _)| id.as_str()).collect();
    let down: Vec<&str> = hosts.iter().filter(|(_, view)| !view.up).map(|(id, _)| id.as_str()).collect();
    let ok = engine && !up.is_empty();
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    reply(status, &json!({ "ok": ok, "engine": engine, "up": up, "down": down }))
}

async fn decide(State(proxy): State<Arc<Proxy>>, headers: HeaderMap, body: Body) -> Response<Body> {
    let (ask, _room) = match read(&proxy, &headers, body).await {
        Ok(read) => read,
        Err(refusal) => return refusal,
    };
    match proxy.engine.decide(&ask).await {
        Ok(decision) => reply(StatusCode::OK, &decision),
        Err(error) => refuse(&error),
    }
}

async fn ask(State(proxy): State<Arc<Proxy>>, headers: HeaderMap, body: Body) -> Response<Body> {
    let (ask, _room) = match read(&proxy, &headers, body).await {
        Ok(read) => read,
        Err(refusal) => return refusal,
    };
    let kept = proxy.engine.ask_kept(ask, AskOptions::default()).await;
    reply(kept.answer.error.as_ref().map_or(StatusCode::OK, status_of), &kept)
}

/// Has a model in memory before it is asked; answers once it is, or will be in time.
async fn prepare(State(proxy): State<Arc<Proxy>>, headers: HeaderMap, body: Body) -> Response<Body> {
    let (bytes, _room) = match read_json(&proxy, &headers, body).await {
        Ok(read) => read,
        Err(refusal) => return refusal,
    };
    let Ok(wish) = serde_json::from_slice(&bytes) else {
        let hint = "Send one JSON object, such as {\"model\":\"qwen2.5:7b\"}.";
        return refuse(&DispatchError::new(DispatchErrorCode::InvalidRequest, "the body is not JSON", hint));
    };
    match proxy.engine.prepare(wish).await {
        Ok(prepared) => reply(prepared.error.as_ref().map_or(StatusCode::OK, status_of), &prepared),
        Err(error) => refuse(&error),
    }
}

async fn snapshot(State(proxy): State<Arc<Proxy>>) -> Response<Body> {
    match proxy.engine.snapshot().await {
        Ok(snapshot) => reply(StatusCode::OK, &snapshot),
        Err(error) => refuse(&error),
    }
}

/// An ask, within the same limits as a request to the proxy. A web page can send a form or plain text anywhere, but JSON only where
/// it is allowed.
async fn read(proxy: &Proxy, headers: &HeaderMap, body: Body) -> Result<(Ask, Held), Response<Body>> {
    let (bytes, room) = read_json(proxy, headers, body).await?;
    let ask = Ask::from_json(&String::from_utf8_lossy(&bytes)).map_err(|error| refuse(&error))?;
    Ok((ask, room))
}

/// A body that is said to be JSON.
async fn read_json(proxy: &Proxy, headers: &HeaderMap, body: Body) -> Result<(Bytes, Held), Response<Body>> {
    let refused = |message: String, hint: &str| {
        refuse(&DispatchError::new(DispatchErrorCode::InvalidRequest, message, hint))
    };
    let is_json =
        headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if !is_json {
        let hint = "Send the header Content-Type: application/json.";
        return Err(refused("the body is not said to be JSON".to_owned(), hint));
    }
    let (bytes, room) = proxy.bodies.read(body).await.map_err(|unread| {
        let (status, words) = unread.told();
        let mut response = refused(words, "Send less at a time.");
        *response.status_mut() = status;
        unread.tell_when(response.headers_mut());
        response
    })?;
    if values(&bytes) > VALUES_MAX {
        let hint = "Send several asks, each with a part of it.";
        return Err(refused(format!("the ask has more than {VALUES_MAX} values"), hint));
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

fn refuse(error: &DispatchError) -> Response<Body> {
    reply(status_of(error), &json!({ "error": error }))
}

fn reply(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    let mut response = Response::new(Body::from(serde_json::to_vec(value).unwrap_or_default()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
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
