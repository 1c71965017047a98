//! What is told of the whole fleet: its models, what is loaded, and the model `auto`.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Request, State};
use axum::http::Method;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use smart_ai_core::{Capability, ModelName, Snapshot};

use super::headers::HOST;
use super::inference::auto;
use super::pass::{Passing, pass, pass_about};
use super::route::Route;
use crate::serve::clock::unix_s;
use crate::serve::dialect::{JSON, Refusal};
use crate::serve::listed::{Tag, digest};
use crate::serve::state::Sidecar;

/// Names under which the dispatcher chooses.
const AUTO: [&str; 3] = ["auto", "auto:fast", "auto:best"];
/// Who is said to own them, in place of a registry's namespace.
const OWNER: &str = "smart-ai";
const NO_DATE: &str = "1970-01-01T00:00:00Z";

/// The list of a path; a host itself answers where the request names one, or where no host has been seen yet.
async fn listed(
    state: State<Arc<Sidecar>>,
    route: Extension<Route>,
    request: Request,
    list: fn(&Sidecar) -> Value,
) -> Result<Response, Refusal> {
    if !request.headers().contains_key(HOST) {
        state.first_look().await;
        if state.inventory.hosts().values().any(|view| view.answered_s.is_some()) {
            return Ok(json_of(&route, list(&state)));
        }
    }
    pass(state, route, request).await
}

/// `/api/tags`: the models of every host, and `auto`.
pub(in crate::serve) async fn tags(
    state: State<Arc<Sidecar>>,
    route: Extension<Route>,
    request: Request,
) -> Result<Response, Refusal> {
    listed(state, route, request, all_tags).await
}

/// `/api/ps`: what every host holds in memory.
pub(in crate::serve) async fn resident(
    state: State<Arc<Sidecar>>,
    route: Extension<Route>,
    request: Request,
) -> Result<Response, Refusal> {
    listed(state, route, request, all_resident).await
}

/// `/v1/models`: as `/api/tags`, in the words of `OpenAI`.
pub(in crate::serve) async fn openai_models(
    state: State<Arc<Sidecar>>,
    route: Extension<Route>,
    request: Request,
) -> Result<Response, Refusal> {
    listed(state, route, request, all_openai_models).await
}

/// `/v1/models/NAME`: one model; of `auto`, our own answer.
pub(in crate::serve) async fn openai_model(
    State(sidecar): State<Arc<Sidecar>>,
    Extension(route): Extension<Route>,
    request: Request,
) -> Result<Response, Refusal> {
    let name = route.path.strip_prefix("/v1/models/").unwrap_or_default();
    if request.method() == Method::GET && !request.headers().contains_key(HOST) && auto(name).is_some() {
        return Ok(json_of(&route, openai_entry(name, 0, OWNER)));
    }
    pass_about(&sidecar, &route, request, name).await
}

/// What a model is: of `auto`, what the fleet can.
pub(in crate::serve) async fn show(
    State(sidecar): State<Arc<Sidecar>>,
    Extension(route): Extension<Route>,
    request: Request,
) -> Result<Response, Refusal> {
    let (passing, body) = Passing::new(&sidecar, &route, request)?;
    let (body, _held) = passing.read(body).await?;
    let model = passing.model_of(&body);
    if passing.named.is_none() && auto(&model).is_some() {
        return Ok(show_auto(&sidecar, &model).await.into_response());
    }
    passing.send(&model, &body).await
}

/// What `/api/show` says of `auto`: what some model of the fleet can.
async fn show_auto(sidecar: &Sidecar, name: &str) -> impl IntoResponse + use<> {
    let snapshot = sidecar.engine.snapshot().await.ok();
    let (capabilities, context_tokens) = snapshot.as_ref().map(of_all).unwrap_or_default();
    let mut info = Map::new();
    info.insert("general.architecture".to_owned(), OWNER.into());
    info.insert("general.basename".to_owned(), name.into());
    if context_tokens > 0 {
        info.insert(format!("{OWNER}.context_length"), context_tokens.into());
    }
    let shown = json!({
        "modelfile": format!("# {name}: Smart AI chooses a model and a host for each request\n"),
        "parameters": "", "template": "{{ .Prompt }}", "license": "", "system": "",
        "details": details(), "model_info": info, "capabilities": capabilities, "modified_at": NO_DATE,
    });
    ([(CONTENT_TYPE, JSON)], Json(shown))
}

/// The words of what models of hosts that are up can do, and their longest context.
fn of_all(snapshot: &Snapshot) -> (Vec<&'static str>, u32) {
    let hosts = snapshot.hosts.iter().filter(|host| host.state == "up");
    let models: Vec<_> = hosts.flat_map(|host| &host.models).collect();
    let mut known: BTreeSet<&str> = models
        .iter()
        .flat_map(|model| model.capabilities.iter().flatten())
        .map(|word| word.as_str())
        .collect();
    // Of what can embed, clients take it that it does nothing else: `ollama run auto` printed vectors.
    if known.contains(Capability::Completion.as_str()) {
        known.remove(Capability::Embedding.as_str());
    }
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

/// JSON with the type that Ollama gives its answers at this path.
fn json_of(route: &Route, value: Value) -> Response {
    let kind = if route.path.starts_with("/v1/") { "application/json" } else { JSON };
    ([(CONTENT_TYPE, kind)], Json(value)).into_response()
}

fn details() -> Value {
    json!({"parent_model": "", "format": "", "family": OWNER, "families": [OWNER], "parameter_size": "", "quantization_level": ""})
}

fn all_tags(sidecar: &Sidecar) -> Value {
    let mut models = each_model(sidecar, |tag| tag.entry.clone());
    // Marked as running elsewhere, so that another dispatcher does not count them as models of a host.
    models.extend(AUTO.map(|name| {
        json!({
            "name": name, "model": name, "remote_model": name, "remote_host": OWNER, "size": 0,
            "digest": digest(name), "modified_at": NO_DATE, "details": details(),
        })
    }));
    json!({ "models": models })
}

/// Every model that hosts list, but those that nobody reaches by their name here: a host that is a dispatcher lists `auto`, too.
fn each_model<T>(sidecar: &Sidecar, of: impl Fn(&Tag) -> T) -> Vec<T> {
    sidecar
        .inventory
        .each_model(|tag| auto(&tag.name).is_none().then(|| of(tag)))
        .into_iter()
        .flatten()
        .collect()
}

fn all_resident(sidecar: &Sidecar) -> Value {
    let hosts = sidecar.inventory.hosts();
    let up = hosts.values().filter(|view| view.up);
    let models: Vec<&Value> = up.flat_map(|view| &view.loaded).map(|model| &model.entry).collect();
    json!({ "models": models })
}

fn all_openai_models(sidecar: &Sidecar) -> Value {
    let model = |tag: &Tag| {
        let modified_s = unix_s(&tag.modified_at).filter(|seconds| *seconds >= 0.0).unwrap_or(0.0);
        openai_entry(&tag.name, modified_s as u64, &owner(&tag.name))
    };
    let mut models = each_model(sidecar, model);
    models.extend(AUTO.map(|name| openai_entry(name, 0, OWNER)));
    json!({"object": "list", "data": models})
}

fn openai_entry(name: &str, created_s: u64, owner: &str) -> Value {
    json!({"id": name, "object": "model", "created": created_s, "owned_by": owner})
}

/// A name's namespace, as Ollama tells it.
fn owner(name: &str) -> String {
    let canonical = ModelName::from(name).canonical();
    let path = canonical.rsplit_once('/').map_or("library", |(path, _)| path);
    path.rsplit('/').next().unwrap_or(path).to_owned()
}
