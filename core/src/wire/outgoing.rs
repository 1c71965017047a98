//! One HTTP request, as core wants it sent.

use serde::Serialize;
use serde_json::Value;

/// One HTTP request to a server of the fleet: a GET, or a POST where it has a body.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct Outgoing {
    /// Its path.
    pub path: String,
    /// What it carries.
    pub body: Option<Body>,
    /// Whether the response is wanted as it comes.
    pub streams: bool,
}

/// The body of a request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct Body {
    /// The header `Content-Type`.
    pub content_type: &'static str,
    /// The body itself.
    pub text: String,
}

impl Outgoing {
    pub(super) fn get(path: &str) -> Self {
        Self { path: path.to_owned(), body: None, streams: false }
    }

    pub(super) fn json(path: &str, body: &Value) -> Self {
        let body = Body { content_type: "application/json", text: body.to_string() };
        Self { path: path.to_owned(), body: Some(body), streams: false }
    }

    /// A query of the metrics server.
    pub(super) fn query(query: &str) -> Self {
        let text = form_urlencoded::Serializer::new(String::new()).append_pair("query", query).finish();
        let body = Body { content_type: "application/x-www-form-urlencoded", text };
        Self { path: "/api/v1/query".to_owned(), body: Some(body), streams: false }
    }
}
