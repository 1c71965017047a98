//! By which names the server may be called: a web page must not reach it by a name of its own, which it points here.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::HOST;
use axum::http::{Response, StatusCode};
use axum::middleware::Next;

use super::{Guard, refuse};

/// Endings of names that only a local network knows.
const LOCAL: [&str; 5] = [".localhost", ".local", ".internal", ".lan", ".home.arpa"];

/// The machine's own name and those the owner has given it, in lower case; one that begins with a dot stands for every name that ends
/// so, `*` for every name.
#[derive(Debug)]
pub(super) struct Names(Vec<String>);

impl Names {
    pub(super) fn new(machine: &str, names: &[String]) -> Self {
        let names = names.iter().map(String::as_str).chain([machine]);
        let names = names.map(str::trim).filter(|name| !name.is_empty());
        let without_star = |name: &str| {
            name.strip_prefix('*').filter(|end| !end.is_empty()).unwrap_or(name).to_ascii_lowercase()
        };
        Self(names.map(without_star).collect())
    }

    /// Whether a request for this `host:port` may come in. An address is a name that no page can own.
    fn know(&self, authority: &str) -> bool {
        let bare = bare(authority).to_ascii_lowercase();
        let name = bare.strip_suffix('.').unwrap_or(&bare);
        name.parse::<IpAddr>().is_ok()
            || !name.contains('.')
            || LOCAL.iter().any(|end| name.ends_with(end))
            || self.0.iter().any(|own| {
                name == own || own == "*" || (own.starts_with('.') && name.ends_with(own.as_str()))
            })
    }
}

/// Refuses requests for other names.
pub(super) async fn known(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response<Body> {
    let mut named = request.headers().get_all(HOST).iter();
    let know = |name: &str| guard.names.know(name);
    if named.all(|name| name.to_str().is_ok_and(know)) && request.uri().host().is_none_or(know) {
        return next.run(request).await;
    }
    let words =
        "the server is not known by the name in Host; if it is yours, start smart-ai serve with --name";
    refuse(request, StatusCode::FORBIDDEN, words).await
}

/// The name without its port and brackets.
fn bare(authority: &str) -> &str {
    let name = match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => authority,
    };
    name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn only_names_that_no_web_page_can_own_are_known() {
        let names = Names::new("PC.home.example", &["ai.example".to_owned(), "*.corp.example".to_owned()]);
        for name in [
            "127.0.0.1:11435",
            "localhost",
            "[::1]:80",
            "nas.local:1",
            "192.168.1.7",
            "smart-ai:11435",
            "AI.example:443",
            "a.corp.example",
            "203.0.113.9",
            "pc.home.example:11435",
        ] {
            assert!(names.know(name), "{name}");
        }
        for name in [
            "evil.example:11435",
            "localhost.evil.example",
            "ai.example.evil.example",
            "corp.example",
            "home.example",
        ] {
            assert!(!names.know(name), "{name}");
            assert!(Names::new("", &["*".to_owned()]).know(name), "{name}");
            assert!(!Names::new("", &[String::new(), " ".to_owned()]).know(name), "{name}");
        }
    }
}
