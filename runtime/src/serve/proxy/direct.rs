//! Asks one host as the client asked, without the dispatcher.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_core::Stream;
use reqwest::RequestBuilder;
use smart_ai_core::wire::Piece;
use smart_ai_core::{Arm, HostId, Usage};
use tokio::task::JoinSet;

use super::headers::{concerning_json, passed_on, rewritten, sign};
use super::inference::Inference;
use crate::driver::Reader;
use crate::http::Server;
use crate::serve::dialect::Refusal;
use crate::serve::measure::Measure;
use crate::serve::state::Sidecar;

/// How long a host may take to answer an unload.
const UNLOADING: Duration = Duration::from_secs(10);

impl Sidecar {
    /// Asks one host as the client asked, and passes on whatever it says.
    pub(super) async fn direct(
        &self,
        inference: &Inference,
        headers: &HeaderMap,
        target: &str,
        pinned: Option<HostId>,
        mut measure: Measure,
    ) -> Result<Response, Refusal> {
        let operation = inference.operation;
        let unloads = inference.is_empty() && inference.unloads() && pinned.is_none();
        let hosts = self.hosts_for(pinned, &inference.model);
        let ask = |server: &Server| {
            server.post_bytes(target, inference.body_as_sent()).headers(concerning_json(headers))
        };
        let (host, answered) = self.ask_one(&hosts, ask).await;
        if unloads {
            self.unload_elsewhere(&inference.model, &host, ask).await;
        }
        measure.so_far.arm.host = host.clone();
        let refuse = |words: String| operation.dialect().refusal(StatusCode::BAD_GATEWAY, words);
        let mut response = answered.map_err(|failure| {
            measure.failed(failure.kind.as_str());
            refuse(format!("{host} does not answer: {}", failure.detail))
        })?;
        let status = response.status();
        let mut passed = passed_on(std::mem::take(response.headers_mut()));
        sign(&mut passed, &Arm { host, model: inference.model.as_str().into() }, None);
        if !status.is_success() {
            let (failure, refusal) = crate::http::refusal(response).await;
            measure.failed(failure.kind.as_str());
            if status.is_redirection() {
                return Err(refuse(failure.detail));
            }
            return Ok((status, rewritten(passed), Body::from(refusal.body)).into_response());
        }
        let reader = operation.raw_reader(inference.streams)();
        let source = Box::pin(response.bytes_stream());
        let stream = Direct { source, reader, measure, ended: None, over: false };
        Ok((status, passed, Body::from_stream(stream)).into_response())
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

/// An answer of a host that was asked without the dispatcher.
struct Direct {
    source: Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>,
    reader: Box<dyn Reader>,
    measure: Measure,
    ended: Option<Result<Usage, &'static str>>,
    over: bool,
}

impl Drop for Direct {
    /// A client may leave as soon as it has read the final line.
    fn drop(&mut self) {
        if let Some(Ok(usage)) = self.ended.take() {
            self.measure.succeeded(usage);
        }
    }
}

impl Stream for Direct {
    type Item = Result<Bytes, std::io::Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.over {
            return Poll::Ready(None);
        }
        loop {
            let next = ready!(this.source.as_mut().poll_next(context));
            let read = if let Some(Ok(bytes)) = next {
                this.reader.push(bytes)
            } else {
                this.over = true;
                this.reader.finish()
            };
            for piece in read.pieces {
                match piece {
                    Piece::Done { usage, .. } => this.ended = this.ended.take().or(Some(Ok(usage))),
                    Piece::Failed { failure } => {
                        this.ended = this.ended.take().or(Some(Err(failure.kind.as_str())));
                    }
                    Piece::Text { .. } | Piece::Thinking { .. } | Piece::ToolCalls { .. } => {
                        this.measure.first();
                    }
                }
            }
            if this.over {
                match this.ended.take() {
                    Some(Ok(usage)) => this.measure.succeeded(usage),
                    Some(Err(kind)) => this.measure.failed(kind),
                    None => this.measure.failed("cut_off"),
                }
            }
            if !read.forward.is_empty() {
                return Poll::Ready(Some(Ok(read.forward)));
            }
            if this.over {
                return Poll::Ready(None);
            }
        }
    }
}
