//! What happens to a request before any endpoint sees it: counting, the Host guard, and answers of something in between.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::host::Host;
use super::reply::{ApiError, typed};
use crate::fault::{Fault, FaultKind};

const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>\n";

/// Lets a request through, or answers in its place.
pub(crate) async fn pass(State(host): State<Arc<Host>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if path.starts_with("/control/") {
        return next.run(request).await;
    }
    let fault = host.with(|state, now| {
        *state.stats.requests.entry(path.to_owned()).or_default() += 1;
        if state.faults.is_empty() {
            return None;
        }
        let wanted = |fault: &Fault| fault.paths.is_some() || runs_a_model(path);
        let kinds = [FaultKind::Status, FaultKind::Html];
        let kind =
            kinds.into_iter().find(|kind| state.faults.holds(now, *kind, None, path).is_some_and(wanted))?;
        state.faults.draw(now, kind, None, path)
    });
    if let Some(fault) = fault {
        return stand_in(&fault);
    }
    if !is_local(request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default())
    {
        return StatusCode::FORBIDDEN.into_response();
    }
    next.run(request).await
}

fn runs_a_model(path: &str) -> bool {
    matches!(path, "/api/chat" | "/api/generate" | "/api/embed" | "/v1/chat/completions" | "/v1/messages")
}

fn stand_in(fault: &Fault) -> Response {
    let status = |default| fault.status.and_then(|code| StatusCode::from_u16(code).ok()).unwrap_or(default);
    if fault.kind == FaultKind::Html {
        let page = fault.text.clone().unwrap_or_else(|| PAGE.to_owned());
        return typed(status(StatusCode::BAD_GATEWAY), "text/html", Body::from(page));
    }
    let status = status(StatusCode::SERVICE_UNAVAILABLE);
    let words = || status.canonical_reason().unwrap_or("error").to_lowercase();
    ApiError { status, message: fault.text.clone().unwrap_or_else(words) }.into_response()
}

/// Ollama's guard against DNS rebinding: on loopback only local names are served.
fn is_local(host: &str) -> bool {
    let name = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
        .map_or(host, |(name, _)| name);
    let name = name.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let local_address = match name.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_private() || address.is_unspecified(),
        Ok(IpAddr::V6(address)) => {
            address.is_loopback() || address.is_unique_local() || address.is_unspecified()
        }
        Err(_) => false,
    };
    local_address
        || name.is_empty()
        || name == "localhost"
        || [".localhost", ".local", ".internal"].iter().any(|suffix| name.ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn only_local_names_pass() {
        for host in ["127.0.0.1:1", "localhost", "10.1.2.3:11434", "[::1]:5", "box.local", ""] {
            assert!(is_local(host), "{host}");
        }
        for host in ["example.com", "8.8.8.8:80", "local.example.com"] {
            assert!(!is_local(host), "{host}");
        }
    }
}
