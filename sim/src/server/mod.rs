//! The fake Ollama as a live HTTP server.

mod answer;
mod completion;
mod control;
mod dialect;
mod embed;
mod gate;
mod generation;
mod host;
mod inventory;
mod lines;
mod listener;
mod reply;
mod request;
mod script;
mod ticket;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Router, middleware};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, ConfigError};
use crate::fault::Fault;
use crate::stats::Stats;
use host::Host;
use lines::Endpoint;

/// Why a host did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration says what no host can be.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The port is not to be had.
    #[error("cannot listen on 127.0.0.1:{port}: {source}")]
    Port {
        /// The port asked for.
        port: u16,
        /// The system's reason.
        source: std::io::Error,
    },
}

/// A running fake Ollama. It stops when dropped; [`FakeOllama::stop`] also waits for its end.
#[derive(Debug)]
pub struct FakeOllama {
    host: Arc<Host>,
    url: String,
    control_url: String,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl FakeOllama {
    /// Starts a host on 127.0.0.1 in the current tokio runtime.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let (api, address) = listen(config.port).await?;
        let (control, control_address) = listen(config.control_port).await?;
        let host = Host::new(config)?;
        let stop = CancellationToken::new();
        let clock = {
            let (host, stop) = (host.clone(), stop.clone());
            async move {
                tokio::select! {
                    () = host.run_clock() => {}
                    () = stop.cancelled() => {}
                }
            }
        };
        let tasks = vec![
            tokio::spawn(clock),
            tokio::spawn(listener::serve_host(host.clone(), api, routes(host.clone()), stop.clone())),
            tokio::spawn(listener::serve_control(
                control,
                control::routes().with_state(host.clone()),
                stop.clone(),
            )),
        ];
        Ok(Self {
            host,
            url: format!("http://{address}"),
            control_url: format!("http://{control_address}"),
            stop,
            tasks,
        })
    }

    /// Base URL of Ollama's API, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Base URL of the control API, which also answers while the host is down.
    pub fn control_url(&self) -> &str {
        &self.control_url
    }

    /// What was counted so far.
    pub fn stats(&self) -> Stats {
        self.host.stats()
    }

    /// Puts a fault in force and returns its id.
    pub fn set_fault(&self, fault: Fault) -> u64 {
        self.host.add_fault(fault)
    }

    /// Ends one fault. False if there is none of this id.
    pub fn clear_fault(&self, id: u64) -> bool {
        self.host.remove_faults(Some(id)) > 0
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.host.remove_faults(None);
    }

    /// Breaks all connections and waits until nothing runs any more.
    pub async fn stop(mut self) {
        self.stop.cancel();
        for task in self.tasks.drain(..) {
            // A task that panicked has ended as well.
            let _ended = task.await;
        }
    }
}

impl Drop for FakeOllama {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn listen(port: u16) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Port { port, source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

fn routes(host: Arc<Host>) -> Router {
    let running = || async { text(StatusCode::OK, "Ollama is running") };
    Router::new()
        .route("/", get(running))
        .route("/api/version", get(inventory::version))
        .route("/api/tags", get(inventory::tags))
        .route("/api/ps", get(inventory::ps).head(not_allowed))
        .route("/api/show", post(inventory::show))
        .route("/api/chat", post(|State(host), body: Bytes| completion::answer(host, Endpoint::Chat, body)))
        .route(
            "/api/generate",
            post(|State(host), body: Bytes| completion::answer(host, Endpoint::Generate, body)),
        )
        .route(
            "/v1/chat/completions",
            post(|State(host), body: Bytes| completion::answer(host, Endpoint::OpenAi, body)),
        )
        .route(
            "/v1/messages",
            post(|State(host), body: Bytes| completion::answer(host, Endpoint::Anthropic, body)),
        )
        .route("/api/embed", post(embed::embed))
        .merge(control::routes())
        .fallback(|| async { text(StatusCode::NOT_FOUND, "404 page not found") })
        .method_not_allowed_fallback(not_allowed)
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(host.clone(), gate::pass))
        .with_state(host)
}

async fn not_allowed() -> Response {
    text(StatusCode::METHOD_NOT_ALLOWED, "405 method not allowed")
}

fn text(status: StatusCode, words: &'static str) -> Response {
    let content_type = if status == StatusCode::OK { "text/plain; charset=utf-8" } else { "text/plain" };
    reply::typed(status, content_type, Body::from(words))
}
