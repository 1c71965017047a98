//! Requests that run no model, passed through to one host: show, pull, create, delete, blobs, version.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, Response, StatusCode};
use serde_json::Value;
use smart_ai_core::HostId;

use super::Proxy;
use super::answer::{coming, passed_on};
use super::dispatched::{HOST_HEADER, concerning};
use crate::driver::Engine;
use crate::serve::dialect::Operation;

/// Bytes of a body that may name a model; larger ones are uploads.
const NAMING_MAX: u64 = 1 << 20;
/// Paths that change what a host has.
const CHANGES: [&str; 4] = ["/api/pull", "/api/create", "/api/copy", "/api/delete"];

impl Proxy {
    pub(super) async fn pass(&self, request: Request) -> Response<Body> {
        let (head, body) = request.into_parts();
        let refuse = |status, words: &str| Operation::Chat.refusal(status, words);
        let named = head.headers.get(HOST_HEADER).and_then(|value| value.to_str().ok()).map(HostId::from);
        if let Some(name) = named.as_ref().filter(|name| !self.hosts.contains_key(*name)) {
            return refuse(StatusCode::NOT_FOUND, &format!("no host is called {name}"));
        }
        let length =
            head.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        let path = head.uri.path();
        let (model, body) = if length.is_some_and(|length| length <= NAMING_MAX) {
            match to_bytes(body, NAMING_MAX as usize).await {
                Ok(bytes) => (model_of(&bytes), reqwest::Body::from(bytes)),
                Err(error) => return refuse(StatusCode::BAD_REQUEST, &error.to_string()),
            }
        } else {
            (String::new(), reqwest::Body::wrap_stream(body.into_data_stream()))
        };
        // What is new comes to the first host; what is there is looked for.
        let model = if path == "/api/pull" || path == "/api/create" { String::new() } else { model };
        let Some((host, server)) = self.host_of(named, &model) else {
            return refuse(StatusCode::SERVICE_UNAVAILABLE, "no host answers; see `smart-ai verify`");
        };
        let target = head.uri.path_and_query().map_or(path, |target| target.as_str());
        let mut headers = concerning(&head.headers);
        if length.unwrap_or(0) == 0 && !head.headers.contains_key(CONTENT_LENGTH) {
            headers.remove(axum::http::header::CONTENT_TYPE);
        }
        preflight(&head.headers, &mut headers);
        let mut response = match server.request(head.method, target).headers(headers).body(body).send().await
        {
            Ok(response) => response,
            Err(error) => {
                let failure = crate::http::connection_failure(&error);
                return refuse(
                    StatusCode::BAD_GATEWAY,
                    &format!("{host} does not answer: {}", failure.detail),
                );
            }
        };
        let status = response.status();
        let headers = passed_on(std::mem::take(response.headers_mut()));
        let looks = CHANGES.contains(&path).then(|| LookAfter(self.engine.clone()));
        let source = Box::pin(response.bytes_stream());
        coming(status, headers, Through { source, _looks: looks })
    }
}

/// A browser asks before it sends: the host answers what it allows.
fn preflight(from: &HeaderMap, to: &mut HeaderMap) {
    for name in ["access-control-request-method", "access-control-request-headers"] {
        if let Some(value) = from.get(name) {
            to.insert(name, value.clone());
        }
    }
}

fn model_of(body: &Bytes) -> String {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let keys = ["model", "name", "source"];
    keys.iter().find_map(|key| value.get(*key)?.as_str()).unwrap_or_default().to_owned()
}

/// Looks at the hosts anew once the answer is through.
struct LookAfter(Engine);

impl Drop for LookAfter {
    fn drop(&mut self) {
        self.0.look();
    }
}

/// An answer passed through as it comes.
struct Through {
    source: std::pin::Pin<Box<dyn futures_core::Stream<Item = reqwest::Result<Bytes>> + Send>>,
    _looks: Option<LookAfter>,
}

impl futures_core::Stream for Through {
    type Item = Result<Bytes, std::io::Error>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.source.as_mut().poll_next(context).map_err(std::io::Error::other)
    }
}
