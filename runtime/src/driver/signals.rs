//! The metrics server: signals that its rules have recorded, else the long query that computes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use smart_ai_core::SignalsState;
use smart_ai_core::wire::{Reply, metrics_query, recorded_query, signals_state};

use crate::http::{Server, look};

/// Recorded signals that were not there are looked for again after this.
const AGAIN_AFTER: Duration = Duration::from_secs(60);
/// A recorded signal older than this may be what rules left behind that run no more.
const FRESH_MS: u64 = 120_000;

/// A metrics server, and whether its rules record the signals. Clones share what is known of that.
#[derive(Clone, Debug)]
pub(crate) struct MetricsServer {
    server: Server,
    began: Instant,
    /// Milliseconds after `began` from which recorded signals are looked for.
    recorded_from_ms: Arc<AtomicU64>,
}

/// What it answered.
#[derive(Debug)]
pub(crate) struct Signals {
    pub(crate) reply: Reply,
    pub(crate) state: SignalsState,
    /// Whether its rules had recorded them.
    pub(crate) recorded: bool,
}

impl MetricsServer {
    pub(crate) fn new(server: Server) -> Self {
        Self { server, began: Instant::now(), recorded_from_ms: Arc::default() }
    }

    /// The signals as of now; each query may take this long.
    pub(crate) async fn signals(&self, within: Duration) -> Signals {
        let now_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        if now_ms >= self.recorded_from_ms.load(Ordering::Relaxed) {
            let signals = self.ask(recorded_query(), true, within).await;
            let is_fresh = |state: &SignalsState| match state {
                SignalsState::Up(samples) => samples.iter().any(|sample| sample.age_ms <= FRESH_MS),
                SignalsState::Down(_) => false,
            };
            // A server that cannot be reached is not asked twice.
            if is_fresh(&signals.state) || matches!(signals.reply, Reply::Lost { .. }) {
                return signals;
            }
            let again_ms = now_ms.saturating_add(AGAIN_AFTER.as_millis() as u64);
            self.recorded_from_ms.store(again_ms, Ordering::Relaxed);
        }
        self.ask(&metrics_query(), false, within).await
    }

    async fn ask(&self, query: &str, recorded: bool, within: Duration) -> Signals {
        let reply = look(self.server.post_form("/api/v1/query", &[("query", query)]), within).await;
        Signals { state: signals_state(&reply), reply, recorded }
    }
}
