//! An engine with a history of its own, for programs that have no command line.

use serde::Deserialize;
use serde_json::Value;
use smart_ai_core::wire::FleetConfig;
use smart_ai_core::{ConfigError, json};
use tokio_util::sync::CancellationToken;

use super::{History, HistoryConfig};
use crate::driver::Engine;

/// The history of an engine: goes on until it is closed, after the engine.
#[derive(Debug)]
pub struct Keeping {
    history: History,
    stopping: CancellationToken,
}

/// So that a refusal names the section, too.
#[derive(Deserialize)]
struct Section {
    history: HistoryConfig,
}

impl Engine {
    /// Starts the driver's task as [`Engine::start`] does, goes on from what an earlier one learned, and keeps decisions,
    /// outcomes and what is learned. `history`: the place, or the section `[history]`. A store that does not answer within two
    /// seconds is tried again later.
    ///
    /// # Errors
    /// The first key of either configuration that is not right.
    pub async fn keeping(
        config: &FleetConfig,
        history: Value,
    ) -> Result<(Self, Option<Keeping>), ConfigError> {
        let section = if history.is_string() { serde_json::json!({ "url": history }) } else { history };
        let Section { history: settings } = json::from_value(serde_json::json!({ "history": section }))?;
        settings.validate()?;
        // Checked first, so that no file is made for a fleet that is not valid.
        config.split()?;
        let history = History::open(&settings)
            .await
            .map_err(|error| ConfigError::new("history.url", error.to_string()))?;
        let engine = History::engine(history.as_ref(), config, Vec::new())?;
        let keeping = history.map(|history| {
            let stopping = CancellationToken::new();
            tokio::spawn(history.follow(engine.clone(), stopping.clone()));
            Keeping { history, stopping }
        });
        Ok((engine, keeping))
    }
}

impl Keeping {
    /// Waits until all is written, five seconds at most; the engine must have been closed or drained.
    pub async fn close(self) {
        self.stopping.cancel();
        self.history.close().await;
    }
}
