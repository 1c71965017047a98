//! Traces by OTLP, where somebody asks for them: a job, its calls, and the phases of the call that answered.
//!
//! Names are OpenTelemetry's for generative AI; texts are never sent. A collector that is slow or gone delays no job.

mod config;
mod parent;
mod sender;
mod span;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::Span;
use prometheus_client::metrics::counter::Counter;
use smart_ai_core::ConfigError;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

pub use config::TracesConfig;
use sender::Sender;

use crate::driver::{JobEnd, Observer};
use crate::http::Server;

/// Milliseconds a collector may take to accept a connection.
const CONNECT_MS: u32 = 2_000;
/// What waits to be sent gets this long when the program ends.
const LAST_SENDING: Duration = Duration::from_secs(3);

/// What became of spans; clones show the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sent {
    /// Spans the collector took.
    pub(crate) spans: Counter,
    /// Spans lost.
    pub(crate) dropped: Counter,
}

/// Traces that are being sent.
#[derive(Debug)]
pub(crate) struct Traces {
    tracer: Arc<Tracer>,
    sent: Sent,
    stopping: watch::Sender<bool>,
    sender: JoinHandle<()>,
}

impl Traces {
    /// Starts the task that sends; `None` where they are off.
    ///
    /// # Errors
    /// A place that is none, a header that HTTP does not allow, or an authority's file that cannot be read.
    pub(crate) fn open(config: &TracesConfig) -> Result<Option<Self>, ConfigError> {
        let endpoint = config.endpoint().map_err(|message| ConfigError::new("traces.url", message))?;
        let Some(endpoint) = endpoint else { return Ok(None) };
        let server = Server::new(&endpoint, CONNECT_MS)?;
        let (jobs, waiting) = mpsc::channel(config.queue_jobs.max(1) as usize);
        let sent = Sent::default();
        let (stopping, stopped) = watch::channel(false);
        let sender = Sender { server, waiting, sent: sent.clone(), stopped };
        let tracer = Arc::new(Tracer { jobs, sent: sent.clone() });
        Ok(Some(Self { tracer, sent, stopping, sender: tokio::spawn(sender.run()) }))
    }

    /// Who watches the driver for it.
    pub(crate) fn observer(&self) -> Arc<dyn Observer> {
        Arc::clone(&self.tracer) as Arc<dyn Observer>
    }

    pub(crate) fn sent(&self) -> &Sent {
        &self.sent
    }

    /// Sends what waits; the engine must have been closed.
    pub(crate) async fn close(self) {
        self.stopping.send_replace(true);
        if tokio::time::timeout(LAST_SENDING, self.sender).await.is_err() {
            say("the last spans are lost: the collector does not answer");
        }
    }
}

/// Watches the driver. Never waits: spans that find no room are dropped and counted.
#[derive(Debug)]
struct Tracer {
    jobs: mpsc::Sender<Vec<Span>>,
    sent: Sent,
}

impl Observer for Tracer {
    fn ended(&self, end: &JobEnd<'_>) {
        let spans = span::of(end);
        let count = spans.len() as u64;
        if count > 0 && self.jobs.try_send(spans).is_err() {
            self.sent.dropped.inc_by(count);
        }
    }
}

/// A line of the log.
fn say(message: &str) {
    drop(writeln!(crate::screen::err(), "smart-ai: traces: {message}"));
}
