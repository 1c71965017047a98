//! The Ollama-compatible proxy: every client's requests, dispatched where they run a model, else passed through.

mod answer;
mod body;
mod dispatched;
mod fleet;
mod guard;
mod inference;
mod passed;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, Response, StatusCode};
use axum::middleware;
use smart_ai_core::HostId;

use super::api;
use super::dialect::Operation;
use super::inventory::Inventory;
use super::metrics::Metrics;
use crate::driver::Engine;
use crate::http::Server;

/// Bytes a request that runs a model may have: images are large.
const BODY_MAX: usize = 512 << 20;

/// Everything a request needs.
#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) engine: Engine,
    pub(super) hosts: BTreeMap<HostId, Server>,
    /// The first host of the configuration.
    pub(super) first: HostId,
    pub(super) inventory: Arc<Inventory>,
    pub(super) metrics: Arc<Metrics>,
}

/// The proxy's routes. `guarded` refuses requests that a web page could have made.
pub(super) fn routes(proxy: Arc<Proxy>, guarded: bool) -> Router {
    let router = api::routes().fallback(answer).with_state(proxy);
    if guarded { router.layer(middleware::from_fn(guard::local_names_only)) } else { router }
}

async fn answer(State(proxy): State<Arc<Proxy>>, request: Request) -> Response<Body> {
    let operation = Operation::at(request.uri().path()).filter(|_| request.method() == Method::POST);
    let Some(operation) = operation else {
        return match fleet::answer(&proxy, &request) {
            Some(response) => response,
            None => proxy.pass(request).await,
        };
    };
    let (head, body) = request.into_parts();
    match to_bytes(body, BODY_MAX).await {
        Ok(body) => proxy.infer(operation, &head.headers, &body).await,
        Err(error) => operation.refusal(StatusCode::PAYLOAD_TOO_LARGE, &error.to_string()),
    }
}

impl Proxy {
    /// The host a request without a dispatcher goes to: the one it names, one that has the model, one that answers.
    fn host_of(&self, named: Option<HostId>, model: &str) -> Option<(HostId, &Server)> {
        let having = || self.inventory.with_model(model).into_iter().next();
        let up = || {
            let hosts = self.inventory.hosts();
            let is_up = |id: &HostId| hosts.get(id).is_some_and(|view| view.up);
            if is_up(&self.first) {
                return Some(self.first.clone());
            }
            hosts.keys().find(|id| is_up(id)).cloned()
        };
        let host = named.or_else(having).or_else(up).unwrap_or_else(|| self.first.clone());
        self.hosts.get(&host).map(|server| (host, server))
    }
}
