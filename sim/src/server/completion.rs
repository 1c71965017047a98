//! `/api/chat` and `/api/generate`.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use super::answer::{self, Asked};
use super::dialect;
use super::generation::Generation;
use super::host::Host;
use super::lines::{Content, Endpoint, Line};
use super::reply::{ApiError, json_reply};
use super::request::{self, CompletionRequest, Options};
use super::script::{self, Setting};
use super::ticket::Ticket;
use crate::catalog::Model;
use crate::config::Capability;
use crate::fault::FaultKind;
use crate::name::{ModelName, NameError};
use crate::scheduler::Nanos;

/// Answers a chat or generate request.
pub(crate) async fn answer(host: Arc<Host>, endpoint: Endpoint, body: Bytes) -> Response {
    match respond(host, endpoint, &body).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn respond(host: Arc<Host>, endpoint: Endpoint, body: &[u8]) -> Result<Response, ApiError> {
    let start = host.now();
    let (request, with_usage) = if endpoint.is_native() {
        (request::read::<CompletionRequest>(body, endpoint.go_type())?, false)
    } else {
        dialect::read(endpoint, body)?
    };
    let session = request::session(request.keep_alive.as_ref())?;
    let think = request::think(request.think.as_ref())?;
    if request.top_logprobs.is_some_and(|count| !(0..=20).contains(&count)) {
        return Err(ApiError::bad_request("top_logprobs must be between 0 and 20"));
    }
    let asked = request.model.clone().unwrap_or_default();
    let model = find(&host, endpoint, &asked)?;
    let empty = match endpoint {
        Endpoint::Chat | Endpoint::OpenAi | Endpoint::Anthropic => {
            request.messages.as_ref().is_none_or(Vec::is_empty)
        }
        Endpoint::Generate => request.prompt.as_deref().unwrap_or_default().is_empty(),
    };
    let without_words =
        |reason| json_reply(StatusCode::OK, &Line::new(endpoint, &asked, Content::default()).done(reason));
    if empty && session == Some(0) {
        host.with(|state, now| state.scheduler.unload(now, &model.key));
        return Ok(without_words("unload"));
    }
    if request.raw == Some(true)
        && (request.system.is_some() || request.template.is_some() || request.context.is_some())
    {
        return Err(ApiError::bad_request("raw mode does not support template, system, or context"));
    }
    check_capabilities(&model, endpoint, &request, think, &asked)?;
    let options = request::options(request.options.as_ref(), host.config.num_ctx)?;
    let mut ticket = host.submit(&model, options.load.clone(), session, endpoint.path())?;
    let since_0_30 = host.config.is_at_least(0, 30);
    ticket.loaded().await.map_err(|error| ApiError::load(&error, since_0_30))?;
    let load = host.now().saturating_sub(start);
    if empty {
        ticket.end();
        return Ok(without_words("load"));
    }
    let streams = request.stream != Some(false);
    match speak(Spoken { ticket, request, options, think, asked, endpoint, with_usage, start, load }).await {
        Err(error) if streams => Ok(error.into_stream_response()),
        answer => answer,
    }
}

/// All that is known once the model is loaded.
struct Spoken {
    ticket: Ticket,
    request: CompletionRequest,
    options: Options,
    think: Option<bool>,
    asked: String,
    endpoint: Endpoint,
    with_usage: bool,
    start: Nanos,
    load: Nanos,
}

async fn speak(spoken: Spoken) -> Result<Response, ApiError> {
    let Spoken { mut ticket, request, options, think, asked, endpoint, with_usage, start, load } = spoken;
    let config = &ticket.host.config;
    let setting = Setting {
        seed: config.seed,
        since_0_30: config.is_at_least(0, 30),
        thinks: ticket.model.can(Capability::Thinking) && think != Some(false),
    };
    let script = match script::write(&ticket.model, &request, &options, setting) {
        Ok(script) => script,
        Err(error) => {
            ticket.end();
            return Err(error);
        }
    };
    let with_context = endpoint == Endpoint::Generate && request.raw != Some(true);
    let asked = Asked { endpoint, model: asked, start, load, with_context, with_usage };
    let generation = Generation::start(ticket, script, endpoint.path()).await;
    if request.stream == Some(false) {
        answer::whole(generation, asked).await
    } else {
        answer::stream(generation, asked).await
    }
}

fn find(host: &Host, endpoint: Endpoint, asked: &str) -> Result<Arc<Model>, ApiError> {
    let name = ModelName::parse(asked).map_err(|error| match error {
        NameError::Missing if endpoint != Endpoint::Generate => ApiError::bad_request("model is required"),
        NameError::Missing => ApiError::not_found(asked),
        NameError::Invalid => ApiError::bad_request("invalid model name"),
        NameError::Cloud => ApiError::cloud("remote model is unavailable"),
    })?;
    installed(host, &name, endpoint.path()).ok_or_else(|| ApiError::not_found(asked))
}

/// The model of this name, unless a fault took it away.
pub(crate) fn installed(host: &Host, name: &ModelName, path: &str) -> Option<Arc<Model>> {
    let model = host.catalog.find(name)?;
    let missing = host
        .with(|state, now| state.faults.draw(now, FaultKind::Missing, Some(&model.short), path).is_some());
    (!missing).then(|| model.clone())
}

fn check_capabilities(
    model: &Model,
    endpoint: Endpoint,
    request: &CompletionRequest,
    think: Option<bool>,
    asked: &str,
) -> Result<(), ApiError> {
    if think == Some(true) && !model.can(Capability::Thinking) {
        return Err(ApiError::bad_request(format!("{asked:?} does not support thinking")));
    }
    if !model.can(Capability::Completion) {
        return Err(ApiError::bad_request(format!("{asked:?} does not support {}", endpoint.verb())));
    }
    let wants_tools =
        endpoint != Endpoint::Generate && request.tools.as_ref().is_some_and(|tools| !tools.is_empty());
    let wants_insert =
        endpoint == Endpoint::Generate && request.suffix.as_ref().is_some_and(|text| !text.is_empty());
    for (wanted, capability, word) in
        [(wants_tools, Capability::Tools, "tools"), (wants_insert, Capability::Insert, "insert")]
    {
        if wanted && !model.can(capability) {
            return Err(ApiError::bad_request(format!("{} does not support {word}", model.name.full())));
        }
    }
    Ok(())
}
