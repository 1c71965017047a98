//! The answer on its way to the client, measured to its end. A client that leaves drops it, and with it the job.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::http::header::{CONNECTION, CONTENT_LENGTH};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use bytes::Bytes;
use futures_core::Stream;
use smart_ai_core::wire::Piece;
use smart_ai_core::{Arm, Usage};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::driver::{Part, Reader, RelayEnd, Ticket};
use crate::serve::dialect::Operation;
use crate::serve::measure::Measure;
use crate::word::word;

/// What concerns one connection only, besides what `Connection` names.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers as they may be passed on.
pub(super) fn passed_on(mut headers: HeaderMap) -> HeaderMap {
    let named = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let named: Vec<String> =
        named.flat_map(|value| value.split(',')).map(|name| name.trim().to_owned()).collect();
    for name in named.iter().map(String::as_str).chain(HOP_BY_HOP) {
        headers.remove(name);
    }
    headers
}

/// Headers of an answer whose body is read on its way, so that its length may become another.
pub(super) fn passed_on_rewritten(headers: HeaderMap) -> HeaderMap {
    let mut headers = passed_on(headers);
    headers.remove(CONTENT_LENGTH);
    headers
}

/// Says who answered, and what the history calls the job.
pub(super) fn signed(headers: &mut HeaderMap, arm: &Arm, job: Option<&str>) {
    let signs = [
        ("x-smart-ai-host", Some(arm.host.as_str())),
        ("x-smart-ai-model", Some(arm.model.as_str())),
        ("x-smart-ai-job", job),
    ];
    for (name, value) in signs {
        if let Some(Ok(value)) = value.map(|value| HeaderValue::from_bytes(value.as_bytes())) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}

/// A response with a body that comes.
pub(super) fn coming<S>(status: StatusCode, headers: HeaderMap, stream: S) -> Response<Body>
where
    S: Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static,
{
    let mut response = Response::new(Body::from_stream(stream));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// How a relayed job ended goes into the measure; the words for the client where it broke off.
pub(super) fn take_end(measure: &mut Measure, streams: bool, end: Option<RelayEnd>) -> Option<String> {
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

/// A dispatched answer.
pub(super) struct Dispatched {
    pub(super) operation: Operation,
    pub(super) streams: bool,
    pub(super) parts: mpsc::Receiver<Part>,
    /// Until the end is known.
    pub(super) claim: Option<(Ticket, Measure)>,
    pub(super) told_broken: bool,
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
        match broken.filter(|_| !this.told_broken && this.streams) {
            Some(words) => Poll::Ready(Some(Ok(this.operation.broken(&words)))),
            None => Poll::Ready(None),
        }
    }
}

/// An answer of a host that was asked without the dispatcher.
pub(super) struct Direct {
    pub(super) source: Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>,
    pub(super) reader: Box<dyn Reader>,
    pub(super) measure: Measure,
    pub(super) ended: Option<Result<Usage, &'static str>>,
    pub(super) over: bool,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_concerns_one_connection_stays_on_it() {
        let pairs = [
            ("connection", "X-Secret, close"),
            ("connection", "x-more"),
            ("x-secret", "a"),
            ("x-more", "b"),
            ("keep-alive", "timeout=5"),
            ("x-kept", "c"),
            ("content-length", "2"),
        ];
        let pairs =
            pairs.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, value);
        }
        let names = |headers: HeaderMap| headers.keys().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(passed_on(headers.clone())), ["x-kept", "content-length"]);
        assert_eq!(names(passed_on_rewritten(headers)), ["x-kept"]);
    }
}
