//! Traces by OTLP, where somebody asks for them: a job, its calls, and the phases of the call that answered.
//!
//! Names are OpenTelemetry's for generative AI; texts are never sent. A collector that is slow or gone delays no job.

mod collector;
mod config;
mod span;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use smart_ai_core::ConfigError;

use collector::Batches;
pub use config::TracesConfig;

use crate::driver::{JobEnd, Observer};
use crate::http::Server;

/// Milliseconds a collector may take to accept a connection.
const CONNECT_MS: u32 = 2_000;
/// How long the spans that wait may take to be sent when the program ends.
const LAST_SENDING: Duration = Duration::from_secs(3);
/// Room for spans that each job is counted with: as many as a job of two calls has.
const SPANS_A_JOB: usize = 8;

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
}

impl Traces {
    /// Starts the thread that sends; `None` where they are off. Called within the runtime.
    ///
    /// # Errors
    /// A URL that is not valid, a header that HTTP does not allow, or a certificate file that cannot be read.
    pub(crate) fn open(config: &TracesConfig) -> Result<Option<Self>, ConfigError> {
        let endpoint = config.endpoint()?;
        let Some(endpoint) = endpoint else { return Ok(None) };
        let server = Server::new(&endpoint, CONNECT_MS)?;
        let sent = Sent::default();
        let most = config.queue_jobs.max(1) as usize * SPANS_A_JOB;
        let batches = Batches::start(server, most, &sent)
            .map_err(|error| ConfigError::new("traces", error.to_string()))?;
        Ok(Some(Self { tracer: Arc::new(Tracer { batches }), sent }))
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
        let tracer = self.tracer;
        let closed = tokio::task::spawn_blocking(move || tracer.batches.close(LAST_SENDING));
        if !closed.await.unwrap_or(false) {
            say("the last spans are lost: the collector does not answer");
        }
    }
}

/// Watches the driver. Never waits.
#[derive(Debug)]
struct Tracer {
    batches: Batches,
}

impl Observer for Tracer {
    fn ended(&self, end: &JobEnd<'_>) {
        self.batches.take(span::of(end));
    }
}

/// A line of the log.
fn say(message: &str) {
    drop(writeln!(crate::screen::err(), "smart-ai: traces: {message}"));
}
