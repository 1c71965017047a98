//! Requests that run a model: dispatched, or passed to the one host that can say what is wrong with them.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::extract::Request as Arrived;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_core::Stream;
use futures_util::{StreamExt as _, stream};
use smart_ai_core::{Arm, DispatchErrorCode, Mode, Request, Shape};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::headers::{concerning_json, passed_on, rewritten, sign, text};
use super::inference::{Choice, Inference};
use super::route::{Route, query};
use crate::driver::{Part, Relay, RelayEnd, Ticket};
use crate::serve::client;
use crate::serve::dialect::{Operation, Refusal, status_of};
use crate::serve::measure::Measure;
use crate::serve::object_text::ObjectText;
use crate::serve::state::Sidecar;
use crate::word::word;

/// Parts of an answer that may wait for a slow client.
const PARTS_AHEAD: usize = 64;

/// Answers a request that runs a model.
///
/// # Errors
/// The refusal that its client gets instead.
pub(in crate::serve) async fn infer(
    sidecar: &Sidecar,
    operation: Operation,
    route: &Route,
    request: Arrived,
) -> Result<Response, Refusal> {
    let (head, body) = request.into_parts();
    let dialect = operation.dialect();
    let (body, room) =
        sidecar.bodies.read(&head.headers, body).await.map_err(|unread| unread.refusal(dialect))?;
    let headers = &head.headers;
    let pinned = sidecar.named(headers).map_err(|words| dialect.refusal(StatusCode::NOT_FOUND, words))?;
    let text = |name: &str| text(headers, name);
    let client = client::kind(text(USER_AGENT.as_str()));
    let body = ObjectText::read(body);
    sidecar.look_for(&body.name("model").unwrap_or_default()).await;
    let mut inference = Inference::read(operation, body, &sidecar.inventory);
    inference.held = Some(room);
    let named = if inference.choice == Choice::Unknown { inference.model.as_str() } else { "" };
    let mut measure = Measure::new(Arc::clone(&sidecar.metrics), operation, client, named);
    if let Choice::Tag(tag) = &inference.choice {
        measure.so_far.arm.model = tag.as_str().into();
    }
    measure.so_far.num_ctx = inference.num_ctx();
    measure.so_far.unloads = inference.unloads();
    let target = route.path.clone() + &query(&head.uri);
    let undecided = matches!(inference.choice, Choice::Auto(_));
    if !undecided && (inference.choice == Choice::Unknown || inference.is_empty()) {
        return sidecar.direct(&inference, headers, &target, pinned, measure).await;
    }
    let mut request = inference.request();
    request.route = Some(route.path.clone());
    request.host = pinned;
    wishes(&mut request, &text);
    sidecar.dispatch(inference, headers, target, request, measure).await
}

impl Sidecar {
    async fn dispatch(
        &self,
        inference: Inference,
        headers: &HeaderMap,
        target: String,
        request: Request,
        mut measure: Measure,
    ) -> Result<Response, Refusal> {
        let (operation, streams) = (inference.operation, inference.streams);
        let pinned = request.host.clone();
        let (sender, mut parts) = mpsc::channel(PARTS_AHEAD);
        let shared = Arc::new(inference);
        let inference = Arc::clone(&shared);
        let relay = Relay {
            path: target.clone(),
            headers: concerning_json(headers),
            traceparent: text(headers, "traceparent").map(str::to_owned),
            body: Box::new(move |arm, options| shared.body_for(arm, options)),
            reader: operation.reader(streams, inference.counts),
            parts: sender,
            speaker: OnceLock::new(),
        };
        let mut ticket = self.engine.relay(relay, request);
        if let Some(Part::Head { status, headers, arm, job }) = parts.recv().await {
            measure.so_far.arm = arm.clone();
            if streams {
                measure.first();
            }
            let mut headers = rewritten(passed_on(headers));
            sign(&mut headers, &arm, job.as_deref());
            if !operation.embeds() && !streams {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static(operation.whole_type()));
            }
            let claim = Some((ticket, measure));
            let answer = Dispatched { operation, streams, parts, claim, told_broken: false };
            let body = if streams { Body::from_stream(answer) } else { whole(answer).await };
            return Ok((status, headers, body).into_response());
        }
        let mut end = ticket.ended().await;
        if let Some(end) = end.as_mut().filter(|end| end.outcome.attempts.is_empty())
            && matches!(inference.choice, Choice::Tag(_))
            && end.error.as_ref().is_some_and(|error| {
                status_of(error).is_client_error() || error.code == DispatchErrorCode::RouteMissing
            })
        {
            // No arm fits what the client chose itself: its host says best why, each time alike.
            return self.direct(&inference, headers, &target, pinned, measure).await;
        }
        // A redirect is no answer to a client that cannot follow it with the host's key.
        let refusal = end.as_mut().and_then(|end| end.refusal.take());
        // What no host has is said in our own words where the client left the host to us: each time alike.
        let error = end.as_ref().and_then(|end| end.error.as_ref());
        let lacks = error.is_some_and(|error| error.code == DispatchErrorCode::RouteMissing);
        let refusal = refusal.filter(|refusal| {
            let ours = lacks && matches!(inference.choice, Choice::Auto(_));
            !ours && !refusal.status.is_redirection()
        });
        let status = error.map_or(StatusCode::SERVICE_UNAVAILABLE, status_of);
        let retry_after_s = error.and_then(|error| error.retry_after_ms).map(|ms| ms.div_ceil(1_000).max(1));
        let message = take_end(&mut measure, streams, end);
        let Some(refusal) = refusal else {
            let (dialect, message) = (operation.dialect(), message.unwrap_or_default());
            return Err(Refusal { dialect, status, message, retry_after_s });
        };
        // Asked to stream, Ollama names no charset; a client that did not ask for a stream is used to one.
        let kind = refusal.content_type.map(|kind| match kind.as_str() {
            "application/json" if operation.is_ollama_text() && !streams => operation.whole_type().to_owned(),
            _ => kind,
        });
        let kind = kind.map(|kind| [(CONTENT_TYPE, kind)]);
        let wait = refusal.retry_after.map(|wait| [(RETRY_AFTER, wait)]);
        Ok((refusal.status, kind, wait, Body::from(refusal.body)).into_response())
    }
}

/// What a client may wish beside its request.
fn wishes<'a>(request: &mut Request, text: &impl Fn(&str) -> Option<&'a str>) {
    if let Some(shape) = text("x-smart-ai-shape") {
        request.shape = Some(Shape::from(shape));
    }
    request.deadline_ms = text("x-smart-ai-deadline-ms").and_then(|deadline| deadline.parse().ok());
    match text("x-smart-ai-mode") {
        Some("fast") => request.mode = Mode::Fast,
        Some("balanced") => request.mode = Mode::Balanced,
        Some("best") => request.mode = Mode::Best,
        Some(_) | None => {}
    }
}

/// How a relayed job ended goes into the measure; the words for the client where it broke off.
fn take_end(measure: &mut Measure, streams: bool, end: Option<RelayEnd>) -> Option<String> {
    let Some(RelayEnd { outcome, error, .. }) = end else {
        measure.failed("cancelled");
        return Some("the server is stopping".to_owned());
    };
    let so_far = &mut measure.so_far;
    if let (Some(host), Some(model)) = (outcome.host, outcome.model) {
        so_far.arm = Arm { host, model };
    }
    so_far.queue_s = outcome.ms.queue / 1e3;
    match error {
        None => {
            if !streams && !so_far.operation.embeds() {
                so_far.first_s = Some(outcome.ms.first_token / 1e3);
            }
            measure.succeeded(outcome.usage);
            None
        }
        Some(error) => {
            let last = outcome.attempts.last().map(|attempt| attempt.outcome.as_str());
            let own = word(&error.code);
            measure.failed(last.filter(|last| *last != "ok" && *last != "cancelled").unwrap_or(&own));
            Some(format!("{}; {}", error.message, error.hint))
        }
    }
}

/// The body of an answer that is not streamed: of one part, whose length its client hears, unless it is too large to be held.
async fn whole(mut answer: Dispatched) -> Body {
    let (first, more) = (answer.next().await, answer.next().await);
    match (first, more) {
        (Some(Ok(part)), None) => Body::from(part),
        (first, more) => Body::from_stream(stream::iter(first.into_iter().chain(more)).chain(answer)),
    }
}

/// A dispatched answer.
struct Dispatched {
    operation: Operation,
    streams: bool,
    parts: mpsc::Receiver<Part>,
    /// Until the end is known.
    claim: Option<(Ticket, Measure)>,
    told_broken: bool,
}

impl Drop for Dispatched {
    /// A client may leave as soon as it has read the final line: only the dispatcher knows whether that was before the end.
    fn drop(&mut self) {
        if let (Some((ticket, mut measure)), Ok(runtime)) = (self.claim.take(), Handle::try_current()) {
            let streams = self.streams;
            runtime.spawn(async move {
                take_end(&mut measure, streams, ticket.left().await);
            });
        }
    }
}

impl Stream for Dispatched {
    type Item = Result<Bytes, std::io::Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        while let Some(part) = ready!(this.parts.poll_recv(context)) {
            match part {
                Part::Bytes(bytes) => return Poll::Ready(Some(Ok(bytes))),
                Part::ToldBroken => this.told_broken = true,
                Part::Head { .. } => {}
            }
        }
        let Some((ticket, measure)) = &mut this.claim else { return Poll::Ready(None) };
        let end = ready!(ticket.poll_ended(context));
        let broken = take_end(measure, this.streams, end);
        this.claim = None;
        match broken.filter(|_| !this.told_broken) {
            Some(words) if this.streams => Poll::Ready(Some(Ok(this.operation.dialect().broken(&words)))),
            // One object has no place for words: its connection is cut, as the host's was.
            Some(words) => Poll::Ready(Some(Err(std::io::Error::other(words)))),
            None => Poll::Ready(None),
        }
    }
}
