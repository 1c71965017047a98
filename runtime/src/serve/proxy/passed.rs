//! Requests that run no model, passed through to one host: show, pull, create, delete, blobs, version.

use std::sync::{Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Response, StatusCode};

use super::answer::{coming, passed_on};
use super::dispatched::concerning;
use super::inference::auto;
use super::route::Route;
use super::{Proxy, fleet, unread};
use crate::driver::Engine;
use crate::http::Server;
use crate::serve::dialect::Operation;
use crate::serve::object_text::ObjectText;

/// Where files are sent to: as they come, however large.
const BLOBS: &str = "/api/blobs/";
/// Paths that change what a host has.
const CHANGES: [&str; 4] = ["/api/pull", "/api/create", "/api/copy", "/api/delete"];

impl Proxy {
    pub(super) async fn pass(&self, head: Parts, route: &Route, body: Body) -> Response<Body> {
        let refuse = |status, words: &str| Operation::Chat.refusal(status, words);
        let named = match self.named(&head.headers) {
            Ok(named) => named,
            Err(words) => return refuse(StatusCode::NOT_FOUND, &words),
        };
        let path = route.path.as_str();
        let query = head.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let target = format!("{}{query}", route.sent);
        let mut headers = concerning(&head.headers);
        let length = head.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        if length.unwrap_or(0) == 0 && !head.headers.contains_key(CONTENT_LENGTH) {
            headers.remove(CONTENT_TYPE);
        }
        let (host, answered) = if path.starts_with(BLOBS) {
            let hosts = self.hosts_for(named, "");
            let stream = Mutex::new(Some(reqwest::Body::wrap_stream(body.into_data_stream())));
            let ask = |server: &Server| {
                let body = stream.lock().unwrap_or_else(PoisonError::into_inner).take();
                let request = server.request(head.method.clone(), &target).headers(headers.clone());
                request.body(body.unwrap_or_default())
            };
            self.ask_one(hosts.get(..1).unwrap_or_default(), ask).await
        } else {
            let (body, _held) = match self.bodies.read(body).await {
                Ok(read) => read,
                Err(error) => return unread(Operation::Chat, &error),
            };
            let model = model_of(path, &head.headers, &body);
            if path == "/api/show" && named.is_none() && auto(&model).is_some() {
                return fleet::show_auto(self, &model).await;
            }
            self.look_for(&model).await;
            let hosts = self.hosts_for(named, &model);
            let ask = |server: &Server| {
                let request = server.request(head.method.clone(), &target).headers(headers.clone());
                request.body(body.clone())
            };
            self.ask_one(&hosts, ask).await
        };
        let mut response = match answered {
            Ok(response) => response,
            Err(failure) => {
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

/// The model a request is about: its host is the one to ask. Empty where it is about none.
fn model_of(path: &str, headers: &HeaderMap, bytes: &Bytes) -> String {
    if let Some(name) = path.strip_prefix("/v1/models/") {
        return name.to_owned();
    }
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind.starts_with("multipart/form-data") {
        return form_model(bytes).unwrap_or_default();
    }
    let body = ObjectText::read(bytes.clone());
    // Files were sent to the first host before.
    let is_upload = path == "/api/create" && (body.raw("files").is_some() || body.raw("adapters").is_some());
    let keys: &[&str] = if is_upload { &[] } else { &["model", "name", "source", "from"] };
    keys.iter().filter_map(|key| body.name(key)).find(|name| !name.is_empty()).unwrap_or_default()
}

/// The field `model` of a form.
fn form_model(bytes: &[u8]) -> Option<String> {
    let after = |pattern: &[u8], from: usize| {
        let rest = bytes.get(from..)?;
        let at = rest.windows(pattern.len()).position(|window| window == pattern)?;
        Some(from + at + pattern.len())
    };
    let start = after(b"\r\n\r\n", after(b"name=\"model\"", 0)?)?;
    let value = bytes.get(start..)?.split(|byte| *byte == b'\r').next()?;
    Some(String::from_utf8_lossy(value).into_owned())
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
