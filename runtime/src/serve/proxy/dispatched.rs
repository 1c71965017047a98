//! Requests that run a model: dispatched, or passed to the one host that can say what is wrong with them.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use bytes::Bytes;
use reqwest::RequestBuilder;
use smart_ai_core::{Arm, DispatchErrorCode, HostId, Mode, Request, Shape};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Proxy;
use super::answer::{Direct, Dispatched, coming, passed_on_rewritten, signed, take_end};
use super::inference::{Choice, Inference};
use crate::driver::{Part, Relay};
use crate::http::Server;
use crate::serve::bodies::Held;
use crate::serve::client;
use crate::serve::dialect::{Operation, status_of};
use crate::serve::measure::Measure;
use crate::serve::object_text::ObjectText;

/// Parts of an answer that may wait for a slow client.
const PARTS_AHEAD: usize = 64;
/// A host that is told to unload a model answers within this.
const UNLOADING: Duration = Duration::from_secs(10);
/// What of a client's headers concerns the host. Not `Authorization`: the host has its own.
const PASSED: [&str; 2] = ["anthropic-version", "anthropic-beta"];

/// Names a host: the request goes nowhere else.
pub(super) const HOST_HEADER: &str = "x-smart-ai-host";

impl Proxy {
    /// Answers a request that runs a model.
    pub(super) async fn infer(
        &self,
        operation: Operation,
        head: &Parts,
        (body, room): (Bytes, Held),
    ) -> Response<Body> {
        let headers = &head.headers;
        let pinned = match self.named(headers) {
            Ok(pinned) => pinned,
            Err(words) => return operation.refusal(StatusCode::NOT_FOUND, &words),
        };
        let text = |name: &str| text(headers, name);
        let client = client::kind(text(USER_AGENT.as_str()));
        let measured = |model: &str| Measure::new(Arc::clone(&self.metrics), operation, client, model);
        let body = ObjectText::read(body);
        self.look_for(&body.name("model").unwrap_or_default()).await;
        let mut inference = Inference::read(operation, body, &self.inventory);
        inference.held = Some(room);
        let mut measure = measured(if inference.choice == Choice::Unknown { &inference.model } else { "" });
        if let Choice::Tag(tag) = &inference.choice {
            measure.so_far.arm.model = tag.as_str().into();
        }
        measure.so_far.num_ctx = inference.num_ctx();
        measure.so_far.unloads = inference.unloads();
        let target = operation.path().to_owned() + &query(head);
        let undecided = matches!(inference.choice, Choice::Auto(_));
        if !undecided && (inference.choice == Choice::Unknown || inference.is_empty()) {
            return self.direct(&inference, headers, &target, pinned, measure).await;
        }
        let mut request = inference.request();
        request.host.clone_from(&pinned);
        wishes(&mut request, &text);
        self.dispatch(inference, headers, target, request, measure).await
    }

    async fn dispatch(
        &self,
        inference: Inference,
        headers: &HeaderMap,
        target: String,
        request: Request,
        mut measure: Measure,
    ) -> Response<Body> {
        let (operation, streams) = (inference.operation, inference.streams);
        let pinned = request.host.clone();
        let (sender, mut parts) = mpsc::channel(PARTS_AHEAD);
        let shared = Arc::new(inference);
        let inference = Arc::clone(&shared);
        let relay = Relay {
            path: target.clone(),
            headers: concerning(headers),
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
            let mut headers = passed_on_rewritten(headers);
            signed(&mut headers, &arm, job.as_deref());
            if !operation.embeds() && !streams {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static(operation.whole_type()));
            }
            let claim = Some((ticket, measure));
            let body = Dispatched { operation, streams, parts, claim, told_broken: false };
            return coming(status, headers, body);
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
        let wait_s =
            error.and_then(|error| error.retry_after_ms).map(|ms| ms.div_ceil(1_000).max(1).to_string());
        let words = take_end(&mut measure, streams, end);
        let Some(refusal) = refusal else {
            let mut response = operation.refusal(status, &words.unwrap_or_default());
            insert(response.headers_mut(), RETRY_AFTER, wait_s);
            return response;
        };
        let mut response = Response::new(Body::from(refusal.body));
        *response.status_mut() = refusal.status;
        // Asked streamed, Ollama says nothing of the signs.
        let kind = refusal.content_type.map(|kind| match kind.as_str() {
            "application/json" if operation.is_native_text() && !streams => operation.whole_type().to_owned(),
            _ => kind,
        });
        insert(response.headers_mut(), CONTENT_TYPE, kind);
        insert(response.headers_mut(), RETRY_AFTER, refusal.retry_after);
        response
    }

    /// Asks one host as the client asked, and passes on whatever it says.
    async fn direct(
        &self,
        inference: &Inference,
        headers: &HeaderMap,
        target: &str,
        pinned: Option<HostId>,
        mut measure: Measure,
    ) -> Response<Body> {
        let operation = inference.operation;
        let unloads = inference.is_empty() && inference.unloads() && pinned.is_none();
        let hosts = self.hosts_for(pinned, &inference.model);
        let ask = |server: &Server| {
            server.post_bytes(target, inference.body_as_sent()).headers(concerning(headers))
        };
        let (host, answered) = self.ask_one(&hosts, ask).await;
        if unloads {
            self.unload_elsewhere(&inference.model, &host, ask).await;
        }
        measure.so_far.arm.host = host.clone();
        let mut response = match answered {
            Ok(response) => response,
            Err(failure) => {
                measure.failed(failure.kind.as_str());
                let words = format!("{host} does not answer: {}", failure.detail);
                return operation.refusal(StatusCode::BAD_GATEWAY, &words);
            }
        };
        let status = response.status();
        let mut passed = passed_on_rewritten(std::mem::take(response.headers_mut()));
        signed(&mut passed, &Arm { host, model: inference.model.as_str().into() }, None);
        if !status.is_success() {
            let (failure, refusal) = crate::http::refusal(response).await;
            measure.failed(failure.kind.as_str());
            if status.is_redirection() {
                return operation.refusal(StatusCode::BAD_GATEWAY, &failure.detail);
            }
            let mut response = Response::new(Body::from(refusal.body));
            (*response.status_mut(), *response.headers_mut()) = (status, passed);
            return response;
        }
        let reader = operation.raw_reader(inference.streams)();
        let source = Box::pin(response.bytes_stream());
        coming(status, passed, Direct { source, reader, measure, ended: None, over: false })
    }

    /// A client that wants a model out of memory means all of them: every other host that holds it is asked, too.
    async fn unload_elsewhere(&self, model: &str, asked: &HostId, ask: impl Fn(&Server) -> RequestBuilder) {
        let mut unloading = JoinSet::new();
        for having in self.inventory.with_model(model) {
            if let Some(server) =
                self.hosts.get(&having.host).filter(|_| !having.down && having.host != *asked)
            {
                let arm = Arm { host: having.host, model: model.into() };
                self.metrics.asked_to_leave(&arm);
                unloading.spawn(ask(server).timeout(UNLOADING).send());
            }
        }
        // A host that does not answer holds nothing that could be asked for.
        while unloading.join_next().await.is_some() {}
        self.engine.look();
    }
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: Option<String>) {
    if let Some(Ok(value)) = value.map(HeaderValue::try_from) {
        headers.insert(name, value);
    }
}

/// The query of a request, with its question mark.
fn query(head: &Parts) -> String {
    head.uri.query().map(|query| format!("?{query}")).unwrap_or_default()
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

/// A header's value, where it is text.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The headers that concern the host.
pub(super) fn concerning(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    kept.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let names = [ACCEPT, CONTENT_TYPE, USER_AGENT].into_iter().chain(PASSED.map(HeaderName::from_static));
    for name in names {
        if let Some(value) = headers.get(&name) {
            kept.insert(name, value.clone());
        }
    }
    kept
}
