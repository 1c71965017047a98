//! `/api/embed`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::generation::{Generation, Script, Step};
use super::host::Host;
use super::reply::{ApiError, json_reply};
use super::request::{self, EmbedRequest};
use crate::catalog::Model;
use crate::fault::FaultKind;
use crate::name::{ModelName, NameError};
use crate::random::Random;
use crate::text::count_tokens;

const PATH: &str = "/api/embed";

/// `POST /api/embed`
pub(crate) async fn embed(State(host): State<Arc<Host>>, body: Bytes) -> Response {
    match respond(host, &body).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn respond(host: Arc<Host>, body: &[u8]) -> Result<Response, ApiError> {
    let start = host.now();
    let request: EmbedRequest = request::read(body, "EmbedRequest")?;
    let session = request::session(request.keep_alive.as_ref())?;
    let asked = request.model.clone().unwrap_or_default();
    let name = ModelName::parse(&asked).map_err(|error| match error {
        NameError::Invalid => ApiError::bad_request("invalid model name"),
        NameError::Missing => ApiError::not_found(&asked),
        NameError::Cloud => ApiError::cloud("remote model is unavailable"),
    })?;
    let inputs = inputs(request.input.as_ref())?;
    let model = super::completion::installed(&host, &name, PATH).ok_or_else(|| ApiError {
        status: StatusCode::NOT_FOUND,
        message: format!("model {asked:?} not found, try pulling it first"),
    })?;
    let options = request::options(request.options.as_ref(), host.config.num_ctx)?;
    let mut ticket = host.submit(&model, options.load.clone(), session, PATH)?;
    let since_0_30 = host.config.is_at_least(0, 30);
    ticket.loaded().await.map_err(|error| ApiError::load(&error, since_0_30))?;
    let load = host.now().saturating_sub(start);
    if inputs.is_empty() {
        ticket.end();
        return Ok(json_reply(StatusCode::OK, &json!({ "model": asked, "embeddings": [] })));
    }
    let context = options.load.num_ctx.min(model.config.context_length);
    let too_long = inputs.iter().any(|input| count_tokens(input) > context);
    if too_long && request.truncate == Some(false) {
        ticket.end();
        return Err(ApiError::bad_request("the input length exceeds the context length"));
    }
    let prompt_tokens = inputs.iter().map(|input| (count_tokens(input) + 2).min(context)).sum();
    let script = Script {
        tokens: Vec::new(),
        done_reason: "length",
        prompt: String::new(),
        prompt_tokens,
        uncounted: 0,
    };
    let mut generation = Generation::start(ticket, script, PATH).await;
    let broken = match generation.next().await {
        Step::Broken(fault) => Some(fault),
        Step::Tokens(_) | Step::End(_) => None,
    };
    generation.end();
    if let Some(fault) = broken.filter(|fault| fault.kind == FaultKind::ErrorLine) {
        return Err(ApiError::bad_request(
            fault.text.unwrap_or_else(|| "do embedding request: EOF".to_owned()),
        ));
    }
    let vectors: Vec<_> = inputs.iter().map(|input| vector(&model, input, request.dimensions)).collect();
    let mut reply = json!({
        "model": asked, "embeddings": vectors, "total_duration": host.now().saturating_sub(start).max(1),
        "prompt_eval_count": prompt_tokens,
    });
    if load > 0
        && let Some(reply) = reply.as_object_mut()
    {
        reply.insert("load_duration".to_owned(), Value::from(load));
    }
    Ok(json_reply(StatusCode::OK, &reply))
}

fn inputs(input: Option<&Value>) -> Result<Vec<&str>, ApiError> {
    let invalid = || ApiError::bad_request("invalid input type");
    match input {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(if text.is_empty() { Vec::new() } else { vec![text] }),
        Some(Value::Array(items)) => items.iter().map(|item| item.as_str().ok_or_else(invalid)).collect(),
        Some(Value::Bool(_) | Value::Number(_) | Value::Object(_)) => Err(invalid()),
    }
}

/// A vector of length 1, near for texts that share words.
fn vector(model: &Model, input: &str, dimensions: Option<u64>) -> Vec<f32> {
    let length = model.embedding_length() as usize;
    let mut sum = vec![0.0f64; length];
    for word in input.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).chain([""]) {
        let mut random = Random::from_parts(1, &[&model.key, &word.to_lowercase()]);
        for number in &mut sum {
            *number += random.unit() - 0.5;
        }
    }
    let wanted = dimensions.map_or(length, |wanted| wanted as usize);
    if wanted > 0 {
        sum.truncate(wanted);
    }
    let norm = sum.iter().map(|number| number * number).sum::<f64>().sqrt().max(1e-12);
    sum.iter().map(|number| (number / norm) as f32).collect()
}
