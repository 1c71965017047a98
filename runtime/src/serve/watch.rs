//! What the sidecar asks for by itself now and then, so that a scrape or a request need not wait for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::host_metrics;
use super::state::Sidecar;

/// How often the dispatcher's beliefs are read for the metrics.
const BELIEF_EVERY: Duration = Duration::from_secs(2);

/// Keeps everything fresh until `stopping`; looks at each host every `poll`.
pub(super) async fn run(sidecar: Arc<Sidecar>, poll: Duration, stopping: CancellationToken) {
    let watching = async {
        tokio::join!(
            look(&sidecar, poll),
            host_metrics::watch(&sidecar.hosts, &sidecar.host_metrics, poll),
            read_beliefs(&sidecar),
        )
    };
    stopping.run_until_cancelled(watching).await;
}

async fn look(sidecar: &Sidecar, poll: Duration) {
    let mut ticks = ticks(poll);
    loop {
        ticks.tick().await;
        sidecar.engine.look();
    }
}

/// Ends with the engine.
async fn read_beliefs(sidecar: &Sidecar) {
    let mut ticks = ticks(BELIEF_EVERY);
    loop {
        ticks.tick().await;
        let Ok(snapshot) = sidecar.engine.snapshot().await else { return };
        sidecar.metrics.believes(snapshot);
    }
}

fn ticks(every: Duration) -> Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
