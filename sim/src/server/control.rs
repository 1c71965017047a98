//! `/control/…`: faults and counts. Not Ollama's; for whoever tests against the host.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use serde_json::json;

use super::host::Host;
use super::reply::{ApiError, json_reply};
use crate::fault::Fault;

/// The control routes.
pub(crate) fn routes() -> Router<Arc<Host>> {
    Router::new()
        .route("/control/stats", get(stats))
        .route("/control/faults", get(faults).post(add_faults).delete(clear_faults))
        .route("/control/faults/{id}", delete(remove_fault))
}

async fn stats(State(host): State<Arc<Host>>) -> Response {
    json_reply(StatusCode::OK, &host.stats())
}

async fn faults(State(host): State<Arc<Host>>) -> Response {
    let faults = host.with(|state, _| state.faults.list().to_vec());
    json_reply(StatusCode::OK, &json!({ "faults": faults }))
}

async fn add_faults(State(host): State<Arc<Host>>, body: Bytes) -> Response {
    // One fault or a list of them; told apart first, so that an error names the field.
    let read = if body.trim_ascii_start().starts_with(b"[") {
        serde_json::from_slice::<Vec<Fault>>(&body)
    } else {
        serde_json::from_slice::<Fault>(&body).map(|fault| vec![fault])
    };
    let faults = match read {
        Ok(faults) => faults,
        Err(error) => return ApiError::bad_request(error.to_string()).into_response(),
    };
    let ids: Vec<u64> = faults.into_iter().map(|fault| host.add_fault(fault)).collect();
    json_reply(StatusCode::OK, &json!({ "ids": ids }))
}

async fn clear_faults(State(host): State<Arc<Host>>) -> Response {
    json_reply(StatusCode::OK, &json!({ "removed": host.remove_faults(None) }))
}

async fn remove_fault(State(host): State<Arc<Host>>, Path(id): Path<u64>) -> Response {
    json_reply(StatusCode::OK, &json!({ "removed": host.remove_faults(Some(id)) }))
}
