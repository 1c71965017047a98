//! What is told of the whole fleet: its models, what is loaded, and the model `auto`.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, Method, Response};
use serde_json::{Map, Value, json};
use smart_ai_core::{Capability, ModelName, Snapshot};

use super::Proxy;
use super::dispatched::HOST_HEADER;
use super::inference::auto;
use super::route::Route;
use crate::serve::clock::unix_s;
use crate::serve::listed::{Tag, digest};

/// Names under which the dispatcher chooses.
const AUTO: [&str; 3] = ["auto", "auto:fast", "auto:best"];
/// Who is said to own them, in place of a registry's namespace.
const OWNER: &str = "smart-ai";
const NO_DATE: &str = "1970-01-01T00:00:00Z";

/// The answer, where the path is one of a list or of `auto` and no host is named.
pub(super) async fn answer(
    proxy: &Proxy,
    method: &Method,
    route: &Route,
    headers: &HeaderMap,
) -> Option<Response<Body>> {
    let reads = *method == Method::GET || (*method == Method::HEAD && route.path == "/api/tags");
    if !reads || headers.contains_key(HOST_HEADER) {
        return None;
    }
    let value = match route.path.as_str() {
        "/api/tags" | "/api/ps" | "/v1/models" => {
            proxy.first_look().await;
            // Where no host has been seen there is nothing to tell: a host itself answers, or why it does not.
            if proxy.inventory.hosts().values().all(|view| view.answered_s.is_none()) {
                return None;
            }
            match route.path.as_str() {
                "/api/tags" => tags(proxy),
                "/api/ps" => loaded(proxy),
                _ => openai_models(proxy),
            }
        }
        path => {
            let name = path.strip_prefix("/v1/models/").filter(|name| auto(name).is_some())?;
            openai_model(name, 0, OWNER)
        }
    };
    let mut response = reply(&value);
    if route.path.starts_with("/v1/") {
        // As Ollama's own list says.
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    Some(response)
}

/// What `/api/show` says of `auto`: all that some model of the fleet can.
pub(super) async fn show_auto(proxy: &Proxy, name: &str) -> Response<Body> {
    let snapshot = proxy.engine.snapshot().await.ok();
    let (capabilities, context_tokens) = snapshot.as_ref().map(of_all).unwrap_or_default();
    let mut info = Map::new();
    info.insert("general.architecture".to_owned(), OWNER.into());
    info.insert("general.basename".to_owned(), name.into());
    if context_tokens > 0 {
        info.insert(format!("{OWNER}.context_length"), context_tokens.into());
    }
    reply(&json!({
        "modelfile": format!("# {name}: Smart AI chooses a model and a host for each request\n"),
        "parameters": "", "template": "{{ .Prompt }}", "license": "", "system": "",
        "details": details(), "model_info": info, "capabilities": capabilities, "modified_at": NO_DATE,
    }))
}

/// The words of everything that models of hosts that are up can do, and their longest context.
fn of_all(snapshot: &Snapshot) -> (Vec<&'static str>, u32) {
    let hosts = snapshot.hosts.iter().filter(|host| host.state == "up");
    let models: Vec<_> = hosts.flat_map(|host| &host.models).collect();
    let known: BTreeSet<&str> = models
        .iter()
        .flat_map(|model| model.capabilities.iter().flatten())
        .map(|word| word.as_str())
        .collect();
    let order = [
        Capability::Completion,
        Capability::Vision,
        Capability::Tools,
        Capability::Insert,
        Capability::Thinking,
        Capability::Embedding,
    ];
    let words = order.iter().map(|word| word.as_str()).filter(|word| known.contains(word)).collect();
    (words, models.iter().filter_map(|model| model.context_tokens).max().unwrap_or(0))
}

fn reply(value: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string()));
    let kind = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn details() -> Value {
    json!({"parent_model": "", "format": "", "family": OWNER, "families": [OWNER], "parameter_size": "", "quantization_level": ""})
}

fn tags(proxy: &Proxy) -> Value {
    let mut models = proxy.inventory.each_model(|tag| tag.entry.clone());
    // Marked as running elsewhere, so that another dispatcher does not count them as models of a host.
    models.extend(AUTO.map(|name| {
        json!({
            "name": name, "model": name, "remote_model": name, "remote_host": OWNER, "size": 0,
            "digest": digest(name), "modified_at": NO_DATE, "details": details(),
        })
    }));
    json!({ "models": models })
}

fn loaded(proxy: &Proxy) -> Value {
    let hosts = proxy.inventory.hosts();
    let up = hosts.values().filter(|view| view.up);
    let models: Vec<&Value> = up.flat_map(|view| &view.loaded).map(|model| &model.entry).collect();
    json!({ "models": models })
}

fn openai_models(proxy: &Proxy) -> Value {
    let model = |tag: &Tag| {
        let modified_s = unix_s(&tag.modified_at).filter(|seconds| *seconds >= 0.0).unwrap_or(0.0);
        openai_model(&tag.name, modified_s as u64, &owner(&tag.name))
    };
    let mut models = proxy.inventory.each_model(model);
    models.extend(AUTO.map(|name| openai_model(name, 0, OWNER)));
    json!({"object": "list", "data": models})
}

fn openai_model(name: &str, created_s: u64, owner: &str) -> Value {
    json!({"id": name, "object": "model", "created": created_s, "owned_by": owner})
}

/// A name's namespace, as Ollama tells it.
fn owner(name: &str) -> String {
    let canonical = ModelName::from(name).canonical();
    let path = canonical.rsplit_once('/').map_or("library", |(path, _)| path);
    path.rsplit('/').next().unwrap_or(path).to_owned()
}
