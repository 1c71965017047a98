//! Loads and unloads: what to send for them and what the answer says. Also what a caller sends to have a model prepared.

use serde_json::{Value, json};

use super::Reply;
use super::fields::{Fields, invalid};
use super::outgoing::Outgoing;
use crate::effect::Effect;
use crate::event::Event;
use crate::failure::{DispatchError, Failure, FailureKind};
use crate::names::{HostId, JobId, ModelName, Shape};
use crate::request::{Mode, Request, Task};

const KNOWN: &str = "task, model, models, host, mode, shape, at";
/// Tokens of a prompt that is not known yet.
const PROMPT_TOKENS: u32 = 500;
/// Ten days.
const SOONEST_MS: u64 = 10 * 86_400_000;

/// What a caller will ask for. Every key may be left out.
#[derive(Clone, PartialEq, Debug, Default)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts", optional_fields))]
pub struct Prepare {
    /// The kind of work.
    pub task: Option<Task>,
    /// Only this model.
    pub model: Option<ModelName>,
    /// Models the caller accepts.
    pub models: Option<Vec<ModelName>>,
    /// Only this host.
    pub host: Option<HostId>,
    /// The price of quality.
    pub mode: Option<Mode>,
    /// Similar asks share a shape.
    pub shape: Option<Shape>,
    /// When it will be asked: milliseconds since 1970, or a moment such as `2026-01-31T07:00:00Z`; within ten days. Left out
    /// or past: now.
    #[cfg_attr(feature = "typescript", ts(type = "number | string | Date", optional))]
    pub at: Option<u64>,
}

/// The event of a `prepare` in JSON, in the shape of [`Prepare`]. `wall_ms`: what time it is, in milliseconds since 1970.
///
/// # Errors
/// `invalid_request` where a key is unknown or a value of the wrong kind; never quotes a value.
pub fn prepare_event(job: JobId, value: Value, wall_ms: u64) -> Result<Event, DispatchError> {
    let mut fields = Fields::of(value)?;
    let mut request = Request::new(fields.task().unwrap_or_default(), PROMPT_TOKENS);
    request.model = fields.name("model").map(ModelName::from);
    request.models = fields.models();
    request.host = fields.name("host").map(HostId::from);
    request.mode = fields.mode().unwrap_or_default();
    request.shape = fields.name("shape").map(Shape::from);
    let at = fields.moment("at");
    fields.finish(KNOWN)?;
    let in_ms = at.map_or(0, |at| at.saturating_sub(wall_ms));
    if in_ms > SOONEST_MS {
        return Err(invalid("at: is more than ten days ahead", "Prepare the model nearer to its use."));
    }
    Ok(Event::Prepare { job, request, in_ms })
}

/// What to send for an [`Effect::Load`] or [`Effect::Unload`]; nothing for any other effect.
pub(super) fn residency_request(effect: &Effect) -> Option<Outgoing> {
    match effect {
        Effect::Load { model, embeds, options, .. } => {
            let mut body = json!({ "model": model });
            if let Some(seconds) = options.keep_alive_s {
                put(&mut body, "keep_alive", seconds.into());
            }
            if let Some(tokens) = options.num_ctx {
                put(&mut body, "options", json!({ "num_ctx": tokens }));
            }
            // Nothing to embed, nothing to answer: only the load.
            let path = if *embeds {
                put(&mut body, "input", json!([]));
                "/api/embed"
            } else {
                put(&mut body, "stream", false.into());
                "/api/generate"
            };
            Some(Outgoing::json(path, &body))
        }
        // No prompt: that unloads a model which only embeds, too.
        Effect::Unload { model, .. } => {
            let body = json!({ "model": model, "keep_alive": 0, "stream": false });
            Some(Outgoing::json("/api/generate", &body))
        }
        Effect::Call { .. }
        | Effect::Abort { .. }
        | Effect::Resolve { .. }
        | Effect::Reject { .. }
        | Effect::Refresh { .. }
        | Effect::StartHost { .. }
        | Effect::StopHost { .. }
        | Effect::Prepared { .. } => None,
    }
}

fn put(body: &mut Value, key: &str, value: Value) {
    if let Some(object) = body.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}

/// Why a load or an unload was not carried out; absent where it was.
pub(super) fn residency_failure(reply: &Reply) -> Option<Failure> {
    match reply.body() {
        Ok(body) => {
            let error = serde_json::from_str::<Value>(body).ok()?;
            let error = error.get("error")?.as_str()?;
            Some(super::failure_of_status(500, &json!({ "error": error }).to_string(), None, None))
        }
        // The connection stood, and the load took longer than it may.
        Err(failure) if failure.kind == FailureKind::ConnectTimeout => {
            Some(Failure { kind: FailureKind::LoadTimeout, ..failure })
        }
        Err(failure) => Some(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effect::CallOptions;

    fn load(embeds: bool, keep_alive_s: Option<u32>) -> Effect {
        let options = CallOptions { num_ctx: Some(8192), num_predict: None, keep_alive_s };
        Effect::Load { host: "pc".into(), model: "m".into(), embeds, options, within_ms: 1 }
    }

    #[test]
    fn a_model_that_only_embeds_is_loaded_by_embedding_nothing() {
        let post =
            |effect: &Effect| residency_request(effect).and_then(|sent| Some((sent.path, sent.body?.text)));
        let text = r#"{"model":"m","keep_alive":330,"options":{"num_ctx":8192},"stream":false}"#;
        assert_eq!(post(&load(false, Some(330))), Some(("/api/generate".into(), text.into())));
        let text = r#"{"model":"m","options":{"num_ctx":8192},"input":[]}"#;
        assert_eq!(post(&load(true, None)), Some(("/api/embed".into(), text.into())));
    }

    #[test]
    fn a_wish_names_its_moment_in_either_way_and_nothing_else() {
        let wish = |text: &str| {
            let value = serde_json::from_str(text).unwrap_or_default();
            match prepare_event(JobId(3), value, 1_000_000) {
                Ok(Event::Prepare { in_ms, .. }) => format!("in {in_ms}"),
                Ok(other) => format!("{other:?}"),
                Err(error) => error.message,
            }
        };
        assert_eq!(wish("{}"), "in 0");
        assert_eq!(wish(r#"{"at":1007000,"task":"code"}"#), "in 7000");
        assert_eq!(wish(r#"{"at":"1970-01-01T00:17:00Z","model":"m"}"#), "in 20000");
        assert_eq!(wish(r#"{"at":5}"#), "in 0");
        assert_eq!(
            wish(r#"{"at":"soon"}"#),
            "at: must be milliseconds since 1970, or a moment such as 2026-01-31T07:00:00Z"
        );
        assert_eq!(wish(r#"{"at":"2026-01-31T07:00:00Z"}"#), "at: is more than ten days ahead");
        assert_eq!(wish(r#"{"prompt":"Hi"}"#), "prompt: unknown key");
    }

    #[test]
    fn a_load_fails_for_what_the_host_says() {
        let answered = |status, body: &str| Reply::Answered {
            status,
            body: body.into(),
            retry_after: None,
            location: None,
            date: None,
        };
        let kind = |reply: &Reply| residency_failure(reply).map(|failure| failure.kind);
        assert_eq!(kind(&answered(200, r#"{"model":"m","done":true,"done_reason":"load"}"#)), None);
        assert_eq!(
            kind(&answered(404, r#"{"error":"model 'm' not found"}"#)),
            Some(FailureKind::ModelMissing)
        );
        let late = Reply::Lost { code: Some("ETIMEDOUT".into()), message: String::new() };
        assert_eq!(kind(&late), Some(FailureKind::LoadTimeout));
    }
}
