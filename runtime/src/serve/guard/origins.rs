//! Web pages: as Ollama does, only those of this machine and of apps may use the server, and hear that they may.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW, HOST, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use axum::middleware::Next;

use super::{Guard, refuse};

/// Names of this machine, with and without a port, by http and https.
const MACHINE: [&str; 3] = ["localhost", "127.0.0.1", "0.0.0.0"];
/// Schemes of apps.
const APPS: [&str; 5] = ["app://*", "file://*", "tauri://*", "vscode-webview://*", "vscode-file://*"];
/// Headers a page may send: those that Ollama names, and the two in which clients of `OpenAI` and Anthropic send keys.
const HEADERS: &str = "Authorization,Content-Type,User-Agent,Accept,X-Requested-With,Openai-Beta,X-Stainless-Arch,\
    X-Stainless-Async,X-Stainless-Custom-Poll-Interval,X-Stainless-Helper-Method,X-Stainless-Lang,X-Stainless-Os,\
    X-Stainless-Package-Version,X-Stainless-Poll-Helper,X-Stainless-Retry-Count,X-Stainless-Runtime,\
    X-Stainless-Runtime-Version,X-Stainless-Timeout,X-Api-Key,Api-Key";
const METHODS: &str = "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS";
/// Seconds a browser remembers that it may: 12 hours.
const REMEMBERED: &str = "43200";

/// Origins that are allowed; a `*` stands for anything, after a colon for a port.
#[derive(Debug)]
pub(super) struct Origins(Vec<String>);

impl Origins {
    pub(super) fn new(more: &[String]) -> Self {
        let machine = MACHINE.iter().flat_map(|name| {
            ["http", "https"]
                .into_iter()
                .flat_map(move |scheme| [format!("{scheme}://{name}"), format!("{scheme}://{name}:*")])
        });
        let apps = APPS.map(str::to_owned);
        let more = more.iter().map(|origin| origin.trim());
        // Written as an address, with a slash at its end; a browser sends none.
        let origin = |origin: &str| match origin.strip_suffix('/') {
            Some(name) if !name.ends_with('/') => name.to_owned(),
            Some(_) | None => origin.to_owned(),
        };
        Self(machine.chain(apps).chain(more.map(origin)).collect())
    }

    fn allow(&self, origin: &str) -> bool {
        self.0.iter().any(|pattern| {
            let Some((before, after)) = pattern.split_once('*') else { return pattern == origin };
            let inner = origin.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
            let port = before.matches(':').count() > 1 || (before.ends_with(':') && before.len() > 1);
            inner.is_some_and(|inner| !port || inner.bytes().all(|byte| byte.is_ascii_digit()))
        })
    }
}

/// Refuses pages of elsewhere, and answers what browsers ask before they send.
pub(super) async fn pages(
    State(guard): State<Arc<Guard>>,
    mut request: Request,
    next: Next,
) -> Response<Body> {
    // The host must not judge it once more, by rules of its own.
    let origin = request.headers_mut().remove(ORIGIN).filter(|origin| !origin.is_empty());
    let Some(origin) = origin.filter(|origin| !is_own(origin, request.headers())) else {
        return without_word_of_host(next.run(request).await);
    };
    if !origin.to_str().is_ok_and(|origin| guard.origins.allow(origin)) {
        let words = "web pages of this origin may not use the server; if it is yours, start smart-ai serve with --origin";
        return refuse(request, StatusCode::FORBIDDEN, words).await;
    }
    let mut response = if request.method() == Method::OPTIONS {
        preflight()
    } else {
        without_word_of_host(next.run(request).await)
    };
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    response.headers_mut().append(VARY, HeaderValue::from_static("Origin"));
    response
}

/// A page that this server itself has sent.
fn is_own(origin: &HeaderValue, headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let named = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    named.is_some_and(|(scheme, name)| matches!(scheme, "http" | "https") && name == host)
}

fn preflight() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(HEADERS));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(REMEMBERED));
    headers.insert(ALLOW, HeaderValue::from_static(METHODS));
    for name in ["Access-Control-Request-Method", "Access-Control-Request-Headers"] {
        headers.append(VARY, HeaderValue::from_static(name));
    }
    response
}

/// What a proxy before the host allows web pages counts for the host alone.
fn without_word_of_host(mut response: Response<Body>) -> Response<Body> {
    for name in [ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS] {
        response.headers_mut().remove(name);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::Origins;

    #[test]
    fn pages_of_this_machine_and_apps_are_allowed_and_no_other() {
        let origins =
            Origins::new(&["https://chat.example/".to_owned(), "https://*.corp.example".to_owned()]);
        for origin in [
            "http://localhost",
            "https://localhost:8443",
            "http://127.0.0.1:3000",
            "http://0.0.0.0:1",
            "app://obsidian.md",
            "file://",
            "tauri://localhost",
            "vscode-webview://abc",
            "https://chat.example",
            "https://a.corp.example",
        ] {
            assert!(origins.allow(origin), "{origin}");
        }
        for origin in [
            "null",
            "http://evil.example",
            "http://localhost.evil.example",
            "http://localhost:3000.evil.example",
            "https://127.0.0.1.evil.example",
            "chrome-extension://abc",
            "http://chat.example",
            "https://corp.example.evil.example",
        ] {
            assert!(!origins.allow(origin), "{origin}");
        }
        assert!(Origins::new(&["*".to_owned()]).allow("http://evil.example"));
    }
}
