//! Headers on their way: those of a client that concern the host, and those of the host that concern the client.

use axum::http::header::{ACCEPT, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use smart_ai_core::Arm;

/// Names a host: the request goes nowhere else.
pub(super) const HOST: &str = "x-smart-ai-host";

/// What of a client's headers concerns the host, besides those every request has. Not `Authorization`: the host has its own.
const PASSED: [&str; 2] = ["anthropic-version", "anthropic-beta"];
/// What concerns one connection only, besides what `Connection` names.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers as they may be passed on.
pub(super) fn passed_on(mut headers: HeaderMap) -> HeaderMap {
    let named = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let named: Vec<String> =
        named.flat_map(|value| value.split(',')).map(|name| name.trim().to_owned()).collect();
    for name in named.iter().map(String::as_str).chain(HOP_BY_HOP) {
        headers.remove(name);
    }
    headers
}

/// Headers of an answer whose body is another than the host's, and so is its length.
pub(super) fn rewritten(mut headers: HeaderMap) -> HeaderMap {
    headers.remove(CONTENT_LENGTH);
    headers
}

/// Adds who answered, and what the history calls the job.
pub(super) fn sign(headers: &mut HeaderMap, arm: &Arm, job: Option<&str>) {
    let signs = [
        (HOST, Some(arm.host.as_str())),
        ("x-smart-ai-model", Some(arm.model.as_str())),
        ("x-smart-ai-job", job),
    ];
    for (name, value) in signs {
        if let Some(Ok(value)) = value.map(|value| HeaderValue::from_bytes(value.as_bytes())) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}

/// The headers that concern the host.
pub(super) fn concerning(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    let names = [ACCEPT, CONTENT_TYPE, USER_AGENT].into_iter().chain(PASSED.map(HeaderName::from_static));
    for name in names {
        if let Some(value) = headers.get(&name) {
            kept.insert(name, value.clone());
        }
    }
    kept
}

/// The headers that concern the host, of a request whose body is JSON, whether or not it says so.
pub(super) fn concerning_json(headers: &HeaderMap) -> HeaderMap {
    let mut kept = concerning(headers);
    kept.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
    kept
}

/// A header's value, where it is text.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_concerns_one_connection_stays_on_it() {
        let pairs = [
            ("connection", "X-Secret, close"),
            ("connection", "x-more"),
            ("x-secret", "a"),
            ("x-more", "b"),
            ("keep-alive", "timeout=5"),
            ("x-kept", "c"),
            ("content-length", "2"),
        ];
        let pairs =
            pairs.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, value);
        }
        let names = |headers: HeaderMap| headers.keys().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(passed_on(headers.clone())), ["x-kept", "content-length"]);
        assert_eq!(names(rewritten(passed_on(headers))), ["x-kept"]);
    }
}
