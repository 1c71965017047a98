//! Every path the sidecar answers, on either listener.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, Request, State};
use axum::middleware::from_fn;
use axum::routing::{MethodRouter, any, get, post};
use tower::Layer as _;

use super::api::{apply_lifecycle, ask, decide, feedback, health, lifecycle, prepare, ready, snapshot};
use super::dialect::Operation::{
    self, AnthropicMessage, Chat, Embed, Embeddings, Generate, OpenAiChat, OpenAiCompletion, OpenAiEmbedding,
    OpenAiResponse,
};
use super::metrics::page;
use super::proxy::route::{Route, clear};
use super::proxy::{change, create, fleet, infer, pass, send_file};
use super::state::Sidecar;

/// Pages of the listener for Prometheus that answer without a key: whether the server lives is no secret.
pub(super) const OPEN_PAGES: &[&str] = &["/health", "/ready"];
/// Paths of the proxy that answer without a key.
pub(super) const OPEN_PATHS: &[&str] = &["/smart-ai/health", "/smart-ai/ready"];
/// Paths that change what a host has, or as whom it is known to ollama.com, with all paths below them.
pub(super) const CHANGES: [&str; 7] =
    ["/api/pull", "/api/push", "/api/create", "/api/copy", "/api/delete", "/api/signout", "/api/blobs"];

/// The listener for Prometheus.
pub(super) fn pages(sidecar: Arc<Sidecar>) -> Router {
    Router::new()
        .route("/metrics", get(page))
        .route("/health", get(health))
        .route("/ready", get(ready))
        .with_state(sidecar)
}

/// The listener for clients. Whatever has no route here goes to a host as it came.
pub(super) fn proxy(sidecar: Arc<Sidecar>) -> Router {
    let routes = Router::new()
        // The dispatcher itself.
        .route("/smart-ai/decide", post(decide))
        .route("/smart-ai/ask", post(ask))
        .route("/smart-ai/prepare", post(prepare))
        .route("/smart-ai/feedback", post(feedback))
        .route("/smart-ai/lifecycle", get(lifecycle))
        .route("/smart-ai/lifecycle/apply", post(apply_lifecycle))
        .route("/smart-ai/snapshot", get(snapshot))
        .route("/smart-ai/health", get(health))
        .route("/smart-ai/ready", get(ready))
        // What runs a model is dispatched.
        .route("/api/chat", runs(Chat))
        .route("/api/generate", runs(Generate))
        .route("/api/embed", runs(Embed))
        .route("/api/embeddings", runs(Embeddings))
        .route("/v1/chat/completions", runs(OpenAiChat))
        .route("/v1/completions", runs(OpenAiCompletion))
        .route("/v1/embeddings", runs(OpenAiEmbedding))
        .route("/v1/responses", runs(OpenAiResponse))
        .route("/v1/messages", runs(AnthropicMessage))
        // Lists are those of the whole fleet.
        .route("/api/tags", any(pass).get(fleet::tags))
        .route("/api/ps", any(pass).get(fleet::resident).head(pass))
        .route("/v1/models", any(pass).get(fleet::openai_models).head(pass))
        .route("/v1/models/{*name}", any(fleet::openai_model))
        // What is about one host's models goes to a host that has them.
        .route("/api/show", any(fleet::show))
        .route("/api/pull", any(change))
        .route("/api/create", any(create))
        .route("/api/copy", any(change))
        .route("/api/delete", any(change))
        .route("/api/blobs/{*digest}", any(send_file))
        .fallback(pass)
        .with_state(sidecar);
    // Before routing: several spellings of a path are one.
    Router::new().fallback_service(from_fn(clear).layer(routes))
}

/// A path that runs a model when it is posted to.
fn runs(operation: Operation) -> MethodRouter<Arc<Sidecar>> {
    let handler = move |State(sidecar): State<Arc<Sidecar>>,
                        Extension(route): Extension<Route>,
                        request: Request| async move {
        infer(&sidecar, operation, &route, request).await
    };
    any(pass).post(handler)
}
