//! A web page must not reach a server of this machine by a name of its own: as Ollama does, only local names are answered.

use std::net::IpAddr;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::HOST;
use axum::http::{Response, StatusCode};
use axum::middleware::Next;

/// Endings of names that only a local network knows.
const LOCAL: [&str; 3] = [".localhost", ".local", ".internal"];

pub(in crate::serve) async fn local_names_only(request: Request, next: Next) -> Response<Body> {
    let named = request.headers().get(HOST).and_then(|value| value.to_str().ok());
    if named.or_else(|| request.uri().host()).is_none_or(is_local) {
        return next.run(request).await;
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::FORBIDDEN;
    response
}

fn is_local(authority: &str) -> bool {
    let name = match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => authority,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    match bare.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => {
            ip.is_loopback() || ip.is_private() || ip.is_unspecified() || ip.is_link_local()
        }
        Ok(IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local(),
        Err(_) => bare == "localhost" || !bare.contains('.') || LOCAL.iter().any(|end| bare.ends_with(end)),
    }
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn only_names_that_no_web_page_can_own_are_local() {
        for name in
            ["127.0.0.1:11435", "localhost", "[::1]:80", "nas.local:1", "192.168.1.7", "smart-ai:11435"]
        {
            assert!(is_local(name), "{name}");
        }
        for name in ["evil.example:11435", "8.8.8.8", "localhost.evil.example", "[2001:db8::1]:80"] {
            assert!(!is_local(name), "{name}");
        }
    }
}
