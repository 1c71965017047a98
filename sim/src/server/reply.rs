//! Answers that are not streams, and errors in Ollama's shapes.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use crate::scheduler::{LoadError, QueueFull};

/// A status with `{"error": message}`.
#[derive(Debug)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
}

impl ApiError {
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into() }
    }

    pub(crate) fn not_found(name: &str) -> Self {
        Self { status: StatusCode::NOT_FOUND, message: format!("model '{name}' not found") }
    }

    /// A cloud model where the cloud is switched off.
    pub(crate) fn cloud(what: &str) -> Self {
        Self { status: StatusCode::FORBIDDEN, message: format!("ollama cloud is disabled: {what}") }
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, message: message.into() }
    }

    /// A failed load; the runner has another name since 0.30.
    pub(crate) fn load(error: &LoadError, since_0_30: bool) -> Self {
        match error {
            LoadError::TooLarge { need, available } => Self::internal(format!(
                "model requires more system memory ({}) than is available ({})",
                binary_size(*need),
                binary_size(*available)
            )),
            LoadError::Doomed(reason) => {
                let runner = if since_0_30 { "llama-server" } else { "llama runner" };
                Self::internal(format!("{runner} process has terminated: {reason}"))
            }
        }
    }
}

impl ApiError {
    /// The error of a stream that did not begin: Ollama sends it with a shorter content type.
    pub(crate) fn into_stream_response(self) -> Response {
        let mut response = self.into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

impl From<QueueFull> for ApiError {
    fn from(_: QueueFull) -> Self {
        let message = "server busy, please try again.  maximum pending requests exceeded".to_owned();
        Self { status: StatusCode::SERVICE_UNAVAILABLE, message }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        json_reply(self.status, &json!({ "error": self.message }))
    }
}

/// JSON with the content type that Ollama sends.
pub(crate) fn json_reply(status: StatusCode, value: &impl Serialize) -> Response {
    let body = serde_json::to_vec(value).unwrap_or_default();
    typed(status, "application/json; charset=utf-8", Body::from(body))
}

/// A body with a content type.
pub(crate) fn typed(status: StatusCode, content_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Ollama's `HumanBytes2`: binary units with one decimal.
fn binary_size(bytes: u64) -> String {
    let scaled = |exponent: i32| bytes as f64 / 1024f64.powi(exponent);
    match bytes {
        0x4000_0000.. => format!("{:.1} GiB", scaled(3)),
        0x10_0000.. => format!("{:.1} MiB", scaled(2)),
        0x400.. => format!("{:.1} KiB", scaled(1)),
        _ => format!("{bytes} B"),
    }
}
