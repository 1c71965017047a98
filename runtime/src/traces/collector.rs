//! How spans reach the collector: OpenTelemetry's exporter and its batches, over this program's own HTTP client.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::KeyValue;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{
    ExporterBuildError, Protocol, RetryPolicy, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanProcessor as _};
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use tokio::runtime::Handle;

use super::{Sent, say};
use crate::http::{Server, connection_failure, refused};

/// Spans sent at once.
const BATCH: usize = 1_024;
/// How long spans are gathered before they are sent.
const GATHER: Duration = Duration::from_secs(1);
/// How long the collector may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long a batch is tried, four times at most; then it is dropped.
const TRYING: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// A placeholder: our client knows where to send. Without a URL the exporter would read the environment, and quote a wrong one in
/// its error.
const UNUSED_URL: &str = "http://collector";
/// The HTTP status that tells the exporter not to try again.
const NO_OTHER_TRY: u16 = 500;

/// What the threads that send and those that are told of jobs share.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// Spans that wait to be sent, or are being sent.
    waiting: AtomicUsize,
    /// Nothing is tried again any more.
    stopping: AtomicBool,
    /// Why the collector did not take the last batch.
    words: Mutex<String>,
}

/// Spans on their way. Never waits: those of a job that find no room are dropped together, and counted.
#[derive(Debug)]
pub(super) struct Batches {
    processor: BatchSpanProcessor,
    line: Arc<Line>,
    sent: Sent,
    most: usize,
}

impl Batches {
    /// Starts OpenTelemetry's thread that sends; `most` spans may wait.
    pub(super) fn start(server: Server, most: usize, sent: &Sent) -> Result<Self, ExporterBuildError> {
        let line = Arc::new(Line::default());
        let client = Client { server, runtime: Handle::current(), line: Arc::clone(&line) };
        let pauses = RetryPolicy::recommended().with_initial_delay(FIRST_PAUSE).with_max_delay(LONGEST_PAUSE);
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(UNUSED_URL)
            .with_timeout(TRYING)
            .with_http_client(client)
            .with_retry_policy(pauses)
            .build()?;
        let counted = Counted {
            exporter,
            line: Arc::clone(&line),
            sent: sent.clone(),
            failing: AtomicBool::new(false),
        };
        let config = BatchConfigBuilder::default()
            .with_max_queue_size(most)
            .with_max_export_batch_size(BATCH.min(most))
            .with_scheduled_delay(GATHER)
            .build();
        let mut processor = BatchSpanProcessor::builder(counted).with_batch_config(config).build();
        processor.set_resource(&resource());
        Ok(Self { processor, line, sent: sent.clone(), most })
    }

    pub(super) fn take(&self, spans: Vec<SpanData>) {
        let count = spans.len();
        let room = |waiting: usize| Some(waiting + count).filter(|waiting| *waiting <= self.most);
        if self.line.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, room).is_err() {
            self.sent.dropped.inc_by(count as u64);
            return;
        }
        for span in spans {
            self.processor.on_end(span);
        }
    }

    /// Sends what waits; blocks its thread. `false` where that took too long.
    pub(super) fn close(&self, within: Duration) -> bool {
        self.line.stopping.store(true, Ordering::Release);
        self.processor.shutdown_with_timeout(within).is_ok()
    }
}

/// Who sends: `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say so first.
fn resource() -> Resource {
    let named = Resource::builder().build();
    let name = named.get(&"service.name".into()).map(|name| name.to_string()).unwrap_or_default();
    let told =
        Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    if name.is_empty() || name.starts_with("unknown_service") {
        told.with_service_name("smart-ai").build()
    } else {
        told.build()
    }
}

/// The exporter, with what became of its spans counted, and said once where it fails.
#[derive(Debug)]
struct Counted {
    exporter: SpanExporter,
    line: Arc<Line>,
    sent: Sent,
    failing: AtomicBool,
}

impl opentelemetry_sdk::trace::SpanExporter for Counted {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        let done = self.exporter.export(batch).await;
        self.line.waiting.fetch_sub(count, Ordering::AcqRel);
        let failed = self.failing.swap(done.is_err(), Ordering::AcqRel);
        if done.is_ok() {
            self.sent.spans.inc_by(count as u64);
            if failed {
                say("the collector takes them again");
            }
        } else {
            self.sent.dropped.inc_by(count as u64);
            if !failed {
                let words = self.line.words.lock().unwrap_or_else(PoisonError::into_inner);
                say(&format!("the collector does not take them: {words}; jobs go on, spans are dropped"));
            }
        }
        done
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        opentelemetry_sdk::trace::SpanExporter::shutdown_with_timeout(&self.exporter, timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        opentelemetry_sdk::trace::SpanExporter::set_resource(&mut self.exporter, resource);
    }
}

/// This program's HTTP client: the collector's own headers and authority, no proxy, no redirects. Its requests run where the
/// program's others do; the thread that waits for them is OpenTelemetry's.
#[derive(Debug)]
struct Client {
    server: Server,
    runtime: Handle,
    line: Arc<Line>,
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        let mut post = self.server.post_bytes("", body).timeout(TIMEOUT);
        for name in [CONTENT_TYPE, CONTENT_ENCODING] {
            if let Some(value) = head.headers.get(&name) {
                post = post.header(name, value);
            }
        }
        let answered = self.runtime.spawn(async move {
            match post.send().await {
                Ok(response) => {
                    let (status, wait) = (response.status(), response.headers().get(RETRY_AFTER).cloned());
                    let words =
                        if status.is_success() { String::new() } else { refused(response).await.detail };
                    Ok((status, wait, words))
                }
                Err(error) => Err(connection_failure(&error).detail),
            }
        });
        let (status, wait, words) = match answered.await? {
            Ok(answer) => answer,
            Err(words) => {
                self.say_why(words.clone());
                return if self.is_stopping() { Ok(no_other_try()) } else { Err(words.into()) };
            }
        };
        if !status.is_success() {
            self.say_why(words);
            if self.is_stopping() {
                return Ok(no_other_try());
            }
        }
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = status;
        if let Some(wait) = wait {
            response.headers_mut().insert(RETRY_AFTER, wait);
        }
        Ok(response)
    }
}

impl Client {
    fn say_why(&self, words: String) {
        *self.line.words.lock().unwrap_or_else(PoisonError::into_inner) = words;
    }

    fn is_stopping(&self) -> bool {
        self.line.stopping.load(Ordering::Acquire)
    }
}

fn no_other_try() -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = reqwest::StatusCode::from_u16(NO_OTHER_TRY).unwrap_or_default();
    response
}
