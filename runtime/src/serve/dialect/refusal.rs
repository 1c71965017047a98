//! Errors in the words of each API.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Value, json};
use smart_ai_core::{DispatchError, DispatchErrorCode};

use super::Dialect;

/// The type of Ollama's JSON, as it spells it.
pub(in crate::serve) const JSON: &str = "application/json; charset=utf-8";
/// nginx's number for a client that went away; Ollama uses it too.
const CLIENT_GONE: u16 = 499;

/// An error in place of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::serve) struct Refusal {
    pub(in crate::serve) dialect: Dialect,
    pub(in crate::serve) status: StatusCode,
    pub(in crate::serve) message: String,
    /// Seconds after which the client may try again.
    pub(in crate::serve) retry_after_s: Option<u64>,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let wait = self.retry_after_s.map(|seconds| [(RETRY_AFTER, seconds.to_string())]);
        let error = Json(self.dialect.error(self.status, &self.message));
        (self.status, wait, [(CONTENT_TYPE, JSON)], error).into_response()
    }
}

impl Dialect {
    /// An error that another try would not mend, or at no time that is known.
    pub(in crate::serve) fn refusal(self, status: StatusCode, message: impl Into<String>) -> Refusal {
        Refusal { dialect: self, status, message: message.into(), retry_after_s: None }
    }

    /// What tells a client within a stream that its answer broke off.
    pub(in crate::serve) fn broken(self, message: &str) -> Bytes {
        let error = self.error(StatusCode::BAD_GATEWAY, message);
        match self {
            Self::Anthropic => format!("event: error\ndata: {error}\n\n").into(),
            Self::OpenAi => format!("data: {error}\n\n").into(),
            Self::Ollama => format!("\n{error}\n").into(),
        }
    }

    fn error(self, status: StatusCode, message: &str) -> Value {
        let kind = match status.as_u16() {
            400 => "invalid_request_error",
            401 | 403 => "authentication_error",
            404 => "not_found_error",
            503 => "overloaded_error",
            _ => "api_error",
        };
        match self {
            Self::Anthropic => json!({"type": "error", "error": {"type": kind, "message": message}}),
            Self::OpenAi => {
                json!({"error": {"message": message, "type": kind, "param": null, "code": null}})
            }
            Self::Ollama => json!({ "error": message }),
        }
    }
}

/// The HTTP status of a job that ended without an answer.
pub(in crate::serve) fn status_of(error: &DispatchError) -> StatusCode {
    let number = match error.code {
        DispatchErrorCode::InvalidRequest
        | DispatchErrorCode::ContextTooSmall
        | DispatchErrorCode::RequestRefused => 400,
        DispatchErrorCode::Unauthorized => 401,
        DispatchErrorCode::UnknownModel | DispatchErrorCode::UnknownHost | DispatchErrorCode::NoModel => 404,
        DispatchErrorCode::RouteMissing => 501,
        DispatchErrorCode::Cancelled | DispatchErrorCode::ClientSlow => CLIENT_GONE,
        DispatchErrorCode::AllFailed | DispatchErrorCode::InvalidAnswer | DispatchErrorCode::CutOff => 502,
        DispatchErrorCode::NoHost | DispatchErrorCode::OverLimit | DispatchErrorCode::Overloaded => 503,
        DispatchErrorCode::DeadlineExceeded => 504,
    };
    StatusCode::from_u16(number).unwrap_or(StatusCode::BAD_GATEWAY)
}
