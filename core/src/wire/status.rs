//! What an HTTP status with its body means (Ollama's error table).

use crate::json::Json;

use super::json;
use crate::failure::{Failure, FailureKind};
use crate::number::parse;
use crate::text::holds;

/// Words of a server that ran out of memory.
const OUT_OF_MEMORY: [&str; 9] = [
    "out of memory",
    "cudamalloc failed",
    "failed to allocate",
    "unable to allocate",
    "insufficient memory",
    "requires more system memory",
    "unable to load full model on gpu",
    "outofmemory",
    "errorinsufficient",
];
/// Words of a prompt that is too long.
const CONTEXT: [&str; 5] = [
    "exceed_context_size",
    "exceeds the available context",
    "exceeds the context length",
    "longer than the context length",
    "exceeds maximum context",
];
/// Words of a runner that crashed.
const CRASH: [&str; 4] = [
    "unexpectedly stopped",
    "process has terminated",
    "runner process no longer running",
    "timed out waiting for",
];

/// Words of a model whose numbers for this input are none.
const NOT_A_NUMBER: [&str; 2] = ["unsupported value: nan", "unsupported value: +inf"];

/// The failure that a status other than 200 stands for. `retry_after` is the header's value.
pub fn failure_of_status(status: u16, body: &str, retry_after: Option<&str>) -> Failure {
    let words = words_of(body);
    let said = words.as_deref().unwrap_or_default();
    let kind = kind_of(status, said);
    let mut failure = Failure::new(kind, detail(status, body, words.as_deref()));
    failure.retry_after_ms = retry_after.and_then(milliseconds);
    failure
}

/// The failure that an `error` inside a stream stands for.
pub(super) fn failure_of_line(error: &Json) -> Failure {
    let words = words_of_value(error).unwrap_or_default();
    let kind = kind_of_words(&words.to_ascii_lowercase()).unwrap_or(FailureKind::CutOff);
    Failure::new(kind, if words.is_empty() { "the server broke the answer off" } else { &words })
}

fn kind_of(status: u16, words: &str) -> FailureKind {
    let words = words.to_ascii_lowercase();
    match status {
        401 | 403 => FailureKind::Unauthorized,
        404 if holds(&words, "not found") && holds(&words, "model") => FailureKind::ModelMissing,
        404 | 405 | 501 => FailureKind::RouteMissing,
        100..=399 => FailureKind::BadProtocol,
        402 => FailureKind::AccountRefused,
        408 | 502 | 504 => FailureKind::ServerError,
        413 => FailureKind::TooLarge,
        429 => FailureKind::RateLimited,
        499 => FailureKind::CutOff,
        400 | 406..=428 | 430..=498 => match kind_of_words(&words) {
            Some(kind) => kind,
            None if holds(&words, "does not support") => FailureKind::NotCapable,
            None => FailureKind::BadRequest,
        },
        503 => kind_of_words(&words).unwrap_or(FailureKind::Busy),
        _ => kind_of_words(&words).unwrap_or(FailureKind::ServerError),
    }
}

/// What lower-case words alone tell.
fn kind_of_words(words: &str) -> Option<FailureKind> {
    let any = |list: &[&str]| list.iter().any(|word| holds(words, word));
    if any(&OUT_OF_MEMORY) {
        Some(FailureKind::OutOfMemory)
    } else if any(&CONTEXT) {
        Some(FailureKind::ContextTooSmall)
    } else if holds(words, "server busy") {
        Some(FailureKind::Busy)
    } else if any(&CRASH) {
        Some(FailureKind::ServerError)
    } else if any(&NOT_A_NUMBER) {
        Some(FailureKind::InputFailed)
    } else {
        None
    }
}

fn detail(status: u16, body: &str, words: Option<&str>) -> String {
    match (status, words) {
        (403, None) if body.trim().is_empty() => {
            "403 without a word: Ollama refuses this Host header; use localhost, an IP address or *.local"
                .to_owned()
        }
        (_, Some(words)) => words.to_owned(),
        (_, None) => format!("status {status} with {}", json::found(body.as_bytes())),
    }
}

/// What the server says in its `error` field, of Ollama's own shape or of the compatible ones.
fn words_of(body: &str) -> Option<String> {
    let value: Json = Json::parse(body).ok()?;
    words_of_value(value.get("error")?)
}

/// A text, an object with a message, or JSON within a text: the runner's own error with exact token counts.
fn words_of_value(error: &Json) -> Option<String> {
    if let Some(text) = error.as_str() {
        let nested = text.starts_with('{').then(|| words_of(text)).flatten();
        return Some(nested.unwrap_or_else(|| text.to_owned())).filter(|text| !text.is_empty());
    }
    let tokens = json::whole(error.get("n_prompt_tokens"));
    let context = json::whole(error.get("n_ctx"));
    if let (Some(tokens), Some(context)) = (tokens, context) {
        return Some(format!(
            "the prompt of {tokens} tokens exceeds the available context of {context} tokens"
        ));
    }
    error.get("message")?.as_str().map(str::to_owned)
}

/// `Retry-After` in seconds; a date is left to the dispatcher's own pause.
fn milliseconds(header: &str) -> Option<u64> {
    let seconds = parse(header)?;
    (seconds.is_finite() && (0.0..=86_400.0).contains(&seconds)).then_some((seconds * 1000.0) as u64)
}
