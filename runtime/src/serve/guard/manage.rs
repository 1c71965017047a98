//! What changes a host: models and files, which other machines leave alone unless the owner says otherwise.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, Response, StatusCode};
use axum::middleware::Next;

use super::{Guard, refuse};
use crate::serve::listener::Peer;
use crate::serve::proxy::route::Route;
use crate::serve::routes::CHANGES;

/// Headers by which a proxy says that it asks for somebody else; those that begin with `x-forwarded-` do, too.
const FORWARDED: [&str; 7] = [
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "cf-connecting-ip",
    "true-client-ip",
];

/// Who may change what hosts have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum Manage {
    /// Programs of this machine.
    #[default]
    Local,
    /// Everybody who gets in.
    On,
    /// Nobody.
    Off,
}

/// Refuses changes by others.
pub(super) async fn allowed(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response<Body> {
    let may = match guard.manage {
        Manage::On => true,
        Manage::Off => false,
        Manage::Local => is_local(&request),
    };
    if may || !changes(&request) {
        return next.run(request).await;
    }
    let words =
        "models of the hosts are not changed from here; to allow it, start smart-ai serve with --manage on";
    refuse(request, StatusCode::FORBIDDEN, words).await
}

fn changes(request: &Request) -> bool {
    let Some(Route { path, .. }) = Route::of(request.uri().path()) else { return false };
    let within =
        |route: &&str| path.strip_prefix(*route).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    *request.method() == Method::DELETE || CHANGES.iter().any(within)
}

/// Whether it comes from this machine, and not for somebody else.
fn is_local(request: &Request) -> bool {
    let peer = request.extensions().get::<Peer>();
    let is_forwarded = |name: &str| FORWARDED.contains(&name) || name.starts_with("x-forwarded-");
    peer.is_some_and(|peer| peer.is_this_machine())
        && !request.headers().keys().any(|name| is_forwarded(name.as_str()))
}
