//! Errors in the words of each API.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Response, StatusCode};
use bytes::Bytes;
use serde_json::{Value, json};
use smart_ai_core::{DispatchError, DispatchErrorCode};

use super::Operation;

/// nginx's number for a client that went away; Ollama uses it too.
const CLIENT_GONE: u16 = 499;

impl Operation {
    /// An error in place of an answer.
    pub(in crate::serve) fn refusal(self, status: StatusCode, message: &str) -> Response<Body> {
        let mut response = Response::new(Body::from(self.error(status, message).to_string()));
        *response.status_mut() = status;
        let json = axum::http::HeaderValue::from_static("application/json; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response
    }

    /// What tells a client within a stream that its answer broke off.
    pub(in crate::serve) fn broken(self, message: &str) -> Bytes {
        let error = self.error(StatusCode::BAD_GATEWAY, message);
        match self {
            Self::AnthropicMessage => format!("event: error\ndata: {error}\n\n").into(),
            Self::OpenAiChat | Self::OpenAiCompletion | Self::OpenAiEmbedding | Self::OpenAiResponse => {
                format!("data: {error}\n\n").into()
            }
            Self::Chat | Self::Generate | Self::Embed | Self::Embeddings => format!("\n{error}\n").into(),
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
            Self::AnthropicMessage => json!({"type": "error", "error": {"type": kind, "message": message}}),
            Self::OpenAiChat | Self::OpenAiCompletion | Self::OpenAiEmbedding | Self::OpenAiResponse => {
                json!({"error": {"message": message, "type": kind, "param": null, "code": null}})
            }
            Self::Chat | Self::Generate | Self::Embed | Self::Embeddings => json!({ "error": message }),
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
