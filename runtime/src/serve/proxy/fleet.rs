//! Lists that tell of the whole fleet: tags, loaded models, `OpenAI`'s models; and the model `auto`.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method, Response};
use serde_json::{Value, json};

use super::Proxy;
use super::dispatched::HOST_HEADER;

/// Names under which the dispatcher chooses.
const AUTO: [&str; 3] = ["auto", "auto:fast", "auto:best"];

/// The answer, where the path is one of a list and no host is named.
pub(super) fn answer(proxy: &Proxy, request: &Request) -> Option<Response<Body>> {
    if request.method() != Method::GET || request.headers().contains_key(HOST_HEADER) {
        return None;
    }
    // Before a host has been seen there is nothing to tell: the host itself answers.
    if proxy.inventory.hosts().values().all(|view| view.answered_s.is_none()) {
        return None;
    }
    let value = match request.uri().path() {
        "/api/tags" => tags(proxy),
        "/api/ps" => loaded(proxy),
        "/v1/models" => openai_models(proxy),
        _ => return None,
    };
    let mut response = Response::new(Body::from(value.to_string()));
    let kind = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Some(response)
}

fn tags(proxy: &Proxy) -> Value {
    let hosts = proxy.inventory.hosts();
    let mut seen = BTreeSet::new();
    let up = hosts.values().filter(|view| view.up);
    let first = |tag: &&Value| seen.insert(tag["name"].as_str().unwrap_or_default().to_owned());
    let mut models: Vec<Value> = up.flat_map(|view| &view.raw_models).filter(first).cloned().collect();
    // Marked as running elsewhere, so that another dispatcher does not count them as models of a host.
    models.extend(AUTO.map(|name| {
        json!({
            "name": name, "model": name, "remote_model": name, "remote_host": "smart-ai", "size": 0, "digest": "",
            "modified_at": "1970-01-01T00:00:00Z", "details": {"family": "smart-ai", "format": "", "parameter_size": "", "quantization_level": ""},
        })
    }));
    json!({ "models": models })
}

fn loaded(proxy: &Proxy) -> Value {
    let hosts = proxy.inventory.hosts();
    let up = hosts.values().filter(|view| view.up);
    let models: Vec<&Value> = up.flat_map(|view| &view.raw_loaded).collect();
    json!({ "models": models })
}

fn openai_models(proxy: &Proxy) -> Value {
    let hosts = proxy.inventory.hosts();
    let names: BTreeSet<&str> = hosts
        .values()
        .filter(|view| view.up)
        .flat_map(|view| &view.models)
        .map(|tag| tag.name.as_str())
        .collect();
    let model = |name| json!({"id": name, "object": "model", "created": 0, "owned_by": "library"});
    let models: Vec<Value> = names.into_iter().chain(AUTO).map(model).collect();
    json!({"object": "list", "data": models})
}
