//! What a command sees of the fleet: every host, each given the time that its own pace allows.

use std::io;
use std::time::Duration;

use smart_ai_core::{DispatchError, Dispatcher, Snapshot};

use crate::driver::Engine;
use crate::screen::progress;

/// How long to wait for the first look at a host: such a look may take 25 s.
const MOST: Duration = Duration::from_secs(30);

/// What is believed of the fleet once every look has ended. Who is waited for is said where it takes long.
///
/// # Errors
/// Outside, stderr cannot be written to; inside, the engine is closed.
pub(super) async fn seen(engine: &Engine) -> io::Result<Result<Snapshot, DispatchError>> {
    let all = engine.settled(MOST);
    tokio::pin!(all);
    let late = tokio::time::sleep(Duration::from_millis(Dispatcher::SETTLE_MS));
    tokio::select! {
        biased;
        snapshot = &mut all => return Ok(snapshot),
        () = late => {}
    }
    if let Ok(so_far) = engine.snapshot().await {
        progress(&format!("waiting for {}", awaited(&so_far)))?;
    }
    let snapshot = all.await;
    progress("")?;
    Ok(snapshot)
}

fn awaited(so_far: &Snapshot) -> String {
    let hosts = so_far.hosts.iter().filter(|host| host.state == "unknown").map(|host| host.host.as_str());
    let hosts: Vec<&str> = hosts.collect();
    if hosts.is_empty() { "details of models and metrics".to_owned() } else { hosts.join(", ") }
}
