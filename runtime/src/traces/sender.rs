//! Sends spans to the collector, off the driver's task.

use std::env;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use reqwest::header::CONTENT_TYPE;
use tokio::sync::{mpsc, watch};

use super::{Sent, say, span};
use crate::http::{Server, connection_failure, refused};

/// Jobs sent at once.
const BATCH: usize = 256;
/// Spans are gathered this long.
const GATHER: Duration = Duration::from_secs(1);
/// The collector answers within this.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Pauses before a batch is sent again; after the last it is dropped.
const AGAIN: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// The task that sends.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) server: Server,
    pub(super) waiting: mpsc::Receiver<Vec<Span>>,
    pub(super) sent: Sent,
    pub(super) stopped: watch::Receiver<bool>,
}

impl Sender {
    pub(super) async fn run(mut self) {
        let (mut batch, mut failing) = (Vec::new(), false);
        while !self.is_stopped() || !self.waiting.is_empty() {
            self.gather(&mut batch).await;
            if batch.is_empty() {
                continue;
            }
            let spans: Vec<Span> = batch.drain(..).flatten().collect();
            let count = spans.len() as u64;
            let body = export(spans).encode_to_vec();
            match self.send(body).await {
                Ok(()) => {
                    self.sent.spans.inc_by(count);
                    if failing {
                        say("the collector takes them again");
                    }
                    failing = false;
                }
                Err(words) => {
                    self.sent.dropped.inc_by(count);
                    if !failing {
                        say(&format!(
                            "the collector does not take them: {words}; jobs go on, spans are dropped"
                        ));
                    }
                    failing = true;
                }
            }
        }
    }

    fn is_stopped(&self) -> bool {
        *self.stopped.borrow()
    }

    /// Waits for a job's spans, then a little for more.
    async fn gather(&mut self, batch: &mut Vec<Vec<Span>>) {
        if !self.is_stopped() {
            tokio::select! {
                _ = self.waiting.recv_many(batch, BATCH) => {}
                _ = self.stopped.wait_for(|stopped| *stopped) => {}
            }
            let more = self.stopped.wait_for(|stopped| *stopped);
            if batch.len() < BATCH {
                drop(tokio::time::timeout(GATHER, more).await);
            }
        }
        while batch.len() < BATCH
            && let Ok(spans) = self.waiting.try_recv()
        {
            batch.push(spans);
        }
    }

    async fn send(&mut self, body: Vec<u8>) -> Result<(), String> {
        let mut pauses = AGAIN.into_iter();
        loop {
            let failure = match self.post(body.clone()).await {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            let Some(pause) = pauses.next().filter(|_| failure.passes && !self.is_stopped()) else {
                return Err(failure.words);
            };
            drop(tokio::time::timeout(pause, self.stopped.wait_for(|stopped| *stopped)).await);
        }
    }

    async fn post(&self, body: Vec<u8>) -> Result<(), Refused> {
        let request = self.server.post_bytes("", body.into()).header(CONTENT_TYPE, "application/x-protobuf");
        match request.timeout(TIMEOUT).send().await {
            Ok(response) if response.status().is_success() => Ok(()),
            Ok(response) => {
                // As OTLP says which are worth another try.
                let passes = matches!(response.status().as_u16(), 429 | 502 | 503 | 504);
                Err(Refused { passes, words: refused(response).await.detail })
            }
            Err(error) => Err(Refused { passes: true, words: connection_failure(&error).detail }),
        }
    }
}

/// Why the collector did not take a batch.
struct Refused {
    /// Whether another try is worth it.
    passes: bool,
    words: String,
}

fn export(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let name = env::var("OTEL_SERVICE_NAME").ok().filter(|name| !name.is_empty());
    let service = name.as_deref().unwrap_or("smart-ai");
    let version = env!("CARGO_PKG_VERSION");
    let resource = Resource {
        attributes: vec![span::text("service.name", service), span::text("service.version", version)],
        ..Resource::default()
    };
    let scope = InstrumentationScope {
        name: "smart-ai".to_owned(),
        version: version.to_owned(),
        ..InstrumentationScope::default()
    };
    let scoped = ScopeSpans { scope: Some(scope), spans, schema_url: String::new() };
    let resource_spans =
        ResourceSpans { resource: Some(resource), scope_spans: vec![scoped], schema_url: String::new() };
    ExportTraceServiceRequest { resource_spans: vec![resource_spans] }
}
