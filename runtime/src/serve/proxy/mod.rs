//! The Ollama-compatible proxy: every client's requests, dispatched where they run a model, else passed through.

mod answer;
mod dispatched;
mod fleet;
mod inference;
mod lookup;
mod passed;
mod route;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Response, StatusCode};
use reqwest::RequestBuilder;
use smart_ai_core::{Failure, FailureKind, HostId};

use super::api;
use super::bodies::{Bodies, Unread};
use super::dialect::Operation;
use super::inventory::Inventory;
use super::metrics::Metrics;
use crate::driver::Engine;
use crate::http::Server;
use dispatched::HOST_HEADER;
pub(super) use lookup::Lookup;
pub(super) use route::Route;

/// Everything a request needs.
#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) engine: Engine,
    pub(super) hosts: BTreeMap<HostId, Server>,
    /// The first host of the configuration.
    pub(super) first: HostId,
    pub(super) inventory: Arc<Inventory>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) lookup: Lookup,
    pub(in crate::serve) bodies: Bodies,
}

/// The proxy's routes.
pub(super) fn routes(proxy: Arc<Proxy>) -> Router {
    api::routes().fallback(answer).with_state(proxy)
}

async fn answer(State(proxy): State<Arc<Proxy>>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let Some(route) = Route::of(head.uri.path()) else {
        let words = "the path has ., .. or a backslash in it; send the path that it leads to";
        return Operation::Chat.refusal(StatusCode::BAD_REQUEST, words);
    };
    if matches!(head.method, Method::CONNECT | Method::TRACE) {
        // A host would tell what it was sent: the key that is meant for it.
        let words = "this method is not passed on to a host";
        return Operation::Chat.refusal(StatusCode::METHOD_NOT_ALLOWED, words);
    }
    let operation = Operation::at(&route.path).filter(|_| head.method == Method::POST);
    let Some(operation) = operation else {
        return match fleet::answer(&proxy, &head.method, &route, &head.headers).await {
            Some(response) => response,
            None => proxy.pass(head, &route, body).await,
        };
    };
    match proxy.bodies.read(body).await {
        Ok(read) => proxy.infer(operation, &head, read).await,
        Err(error) => unread(operation, &error),
    }
}

/// Says why a request was not read.
fn unread(operation: Operation, error: &Unread) -> Response<Body> {
    let (status, words) = error.told();
    let mut response = operation.refusal(status, &words);
    error.tell_when(response.headers_mut());
    response
}

impl Proxy {
    /// The host that a request names.
    ///
    /// # Errors
    /// The words for its client where no host is called so.
    fn named(&self, headers: &HeaderMap) -> Result<Option<HostId>, String> {
        let Some(name) = headers.get(HOST_HEADER) else { return Ok(None) };
        let host = HostId::from(String::from_utf8_lossy(name.as_bytes()).trim());
        if self.hosts.contains_key(&host) { Ok(Some(host)) } else { Err(format!("no host is called {host}")) }
    }

    /// The hosts a request without a dispatcher may go to, the best first: the one it names, those that have the model, those that answer.
    fn hosts_for(&self, named: Option<HostId>, model: &str) -> Vec<HostId> {
        if let Some(named) = named {
            return vec![named];
        }
        let having = self.inventory.with_model(model);
        if !having.is_empty() {
            return having.into_iter().map(|having| having.host).collect();
        }
        let hosts = self.inventory.hosts();
        let mut up: Vec<HostId> =
            hosts.iter().filter(|(_, view)| view.up).map(|(id, _)| id.clone()).collect();
        up.sort_by_key(|id| *id != self.first);
        if up.is_empty() { vec![self.first.clone()] } else { up }
    }

    /// Asks the first of these hosts that can be reached; another is asked only where the one before it cannot have read the request.
    async fn ask_one(
        &self,
        hosts: &[HostId],
        ask: impl Fn(&Server) -> RequestBuilder,
    ) -> (HostId, Result<reqwest::Response, Failure>) {
        let no_host = Failure::new(FailureKind::Unreachable, "no host of this name");
        let mut last = (self.first.clone(), Err(no_host));
        for host in hosts {
            let Some(server) = self.hosts.get(host) else { continue };
            match ask(server).send().await {
                Ok(response) => return (host.clone(), Ok(response)),
                Err(error) => {
                    let unread = error.is_connect();
                    last = (host.clone(), Err(crate::http::connection_failure(&error)));
                    if !unread {
                        break;
                    }
                }
            }
        }
        last
    }
}
