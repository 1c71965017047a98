//! Requests that run no model, passed through to one host: show, pull, create, delete, blobs, version.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::{Extension, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;
use reqwest::RequestBuilder;
use smart_ai_core::{Failure, HostId};

use super::headers::{concerning, passed_on, text};
use super::route::{Route, query};
use crate::driver::Engine;
use crate::http::Server;
use crate::serve::bodies::Held;
use crate::serve::dialect::{Dialect, Refusal};
use crate::serve::object_text::ObjectText;
use crate::serve::state::Sidecar;

/// The host's answer, or why no host could be asked.
type Passed = Result<Response, Refusal>;

/// Passes a request to a host that has the model its body names.
pub(in crate::serve) async fn pass(
    State(sidecar): State<Arc<Sidecar>>,
    Extension(route): Extension<Route>,
    request: Request,
) -> Passed {
    let (passing, body) = Passing::new(&sidecar, &route, request)?;
    let (body, _held) = passing.read(body).await?;
    passing.send(&passing.model_of(&body), &body).await
}

/// Passes a request about the model that its path names.
pub(super) async fn pass_about(sidecar: &Sidecar, route: &Route, request: Request, model: &str) -> Passed {
    let (passing, body) = Passing::new(sidecar, route, request)?;
    let (body, _held) = passing.read(body).await?;
    passing.send(model, &body).await
}

/// Changes what a host has; the hosts are looked at again once the answer is through.
pub(in crate::serve) async fn change(
    State(sidecar): State<Arc<Sidecar>>,
    Extension(route): Extension<Route>,
    request: Request,
) -> Passed {
    let (passing, body) = Passing::new(&sidecar, &route, request)?;
    let (body, _held) = passing.read(body).await?;
    Ok(looked_after(&sidecar, passing.send(&passing.model_of(&body), &body).await?))
}

/// Makes a model: of files on the host they were sent to, of another model on a host that has it.
pub(in crate::serve) async fn create(
    State(sidecar): State<Arc<Sidecar>>,
    Extension(route): Extension<Route>,
    request: Request,
) -> Passed {
    let (passing, body) = Passing::new(&sidecar, &route, request)?;
    let (body, _held) = passing.read(body).await?;
    let object = ObjectText::read(body.clone());
    let is_of_files = object.raw("files").is_some() || object.raw("adapters").is_some();
    // Files go to the first host.
    let model = if is_of_files { String::new() } else { passing.model_of(&body) };
    Ok(looked_after(&sidecar, passing.send(&model, &body).await?))
}

/// Sends a file to the first host as it comes, however large.
pub(in crate::serve) async fn send_file(
    State(sidecar): State<Arc<Sidecar>>,
    Extension(route): Extension<Route>,
    request: Request,
) -> Passed {
    let (passing, body) = Passing::new(&sidecar, &route, request)?;
    let hosts = sidecar.hosts_for(passing.named.clone(), "");
    let stream = reqwest::Body::wrap_stream(body.into_data_stream());
    let stream = Mutex::new(Some(stream));
    let ask = |server: &Server| {
        let body = stream.lock().unwrap_or_else(PoisonError::into_inner).take();
        passing.request(server).body(body.unwrap_or_default())
    };
    answered(sidecar.ask_one(hosts.get(..1).unwrap_or_default(), ask).await)
}

/// A request on its way to a host.
pub(super) struct Passing<'a> {
    sidecar: &'a Sidecar,
    /// The host that the client names.
    pub(super) named: Option<HostId>,
    method: Method,
    /// Path and query, as they are sent on.
    target: String,
    /// The client's.
    arrived: HeaderMap,
    /// Those that are sent on.
    headers: HeaderMap,
}

impl<'a> Passing<'a> {
    pub(super) fn new(
        sidecar: &'a Sidecar,
        route: &Route,
        request: Request,
    ) -> Result<(Self, Body), Refusal> {
        let (head, body) = request.into_parts();
        let named = sidecar.named(&head.headers);
        let named = named.map_err(|words| Dialect::Ollama.refusal(StatusCode::NOT_FOUND, words))?;
        let headers = concerning(&head.headers);
        let target = route.sent.clone() + &query(&head.uri);
        Ok((Self { sidecar, named, method: head.method, target, arrived: head.headers, headers }, body))
    }

    /// The body, whole, and the room it takes.
    pub(super) async fn read(&self, body: Body) -> Result<(Bytes, Held), Refusal> {
        self.sidecar.bodies.read(&self.arrived, body).await.map_err(|unread| unread.refusal(Dialect::Ollama))
    }

    /// The model that a body names; empty where it names none.
    pub(super) fn model_of(&self, body: &Bytes) -> String {
        let kind = text(&self.headers, CONTENT_TYPE.as_str()).unwrap_or_default();
        if kind.starts_with("multipart/form-data") {
            return form_model(body).unwrap_or_default();
        }
        let object = ObjectText::read(body.clone());
        let names = ["model", "name", "source", "from"];
        names.iter().filter_map(|key| object.name(key)).find(|name| !name.is_empty()).unwrap_or_default()
    }

    /// Asks a host that has the model, or any host where the request is about none.
    pub(super) async fn send(&self, model: &str, body: &Bytes) -> Passed {
        self.sidecar.look_for(model).await;
        let hosts = self.sidecar.hosts_for(self.named.clone(), model);
        let ask = |server: &Server| self.request(server).body(body.clone());
        answered(self.sidecar.ask_one(&hosts, ask).await)
    }

    fn request(&self, server: &Server) -> RequestBuilder {
        server.request(self.method.clone(), &self.target).headers(self.headers.clone())
    }
}

/// A host's answer, passed on as it comes.
fn answered((host, answered): (HostId, Result<reqwest::Response, Failure>)) -> Passed {
    let mut response = answered.map_err(|failure| {
        let words = format!("{host} does not answer: {}", failure.detail);
        Dialect::Ollama.refusal(StatusCode::BAD_GATEWAY, words)
    })?;
    let status = response.status();
    let headers = passed_on(std::mem::take(response.headers_mut()));
    Ok((status, headers, Body::from_stream(response.bytes_stream())).into_response())
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

/// Looks at the hosts anew once this answer is through.
fn looked_after(sidecar: &Sidecar, response: Response) -> Response {
    let looking = LookAfter(sidecar.engine.clone());
    response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            // Held until the last frame is through.
            let _: &LookAfter = &looking;
            frame
        }))
    })
}

/// Looks at the hosts anew when it is dropped.
struct LookAfter(Engine);

impl Drop for LookAfter {
    fn drop(&mut self) {
        self.0.look();
    }
}
