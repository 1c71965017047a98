//! The history: decisions and outcomes of jobs, and what was learned from them. `SQLite` by default, `PostgreSQL` by URL.
//!
//! Losing it never fails a job. Tables and columns: `docs/history.md`.

mod config;
mod database;
mod insert;
mod kept;
mod learned;
mod query;
mod recorder;
mod row;
mod united;
mod writer;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use smart_ai_core::ConfigError;
use smart_ai_core::wire::FleetConfig;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::driver::{Engine, Observer, Observers};
pub use config::HistoryConfig;
pub(crate) use config::{Place, Refused};
use database::{Database, Purpose, timed};
pub use kept::Keeping;
use learned::Learned;
pub(crate) use learned::Rated;
pub(crate) use query::{Filter, Reader};
pub(crate) use recorder::Health;
use recorder::Recorder;
pub(crate) use row::Row;
#[cfg(test)]
pub(crate) use row::{Attempt, Decided, Phases, Usage};
use writer::{BATCH, Writer};

/// Jobs wait this long at most for what was learned.
const FIRST_OPENING: Duration = Duration::from_secs(2);
/// What waits to be written gets this long when the program ends.
const LAST_WRITE: Duration = Duration::from_secs(5);
/// Between two looks for ratings given elsewhere.
const RATINGS_EVERY: Duration = Duration::from_secs(2);

/// Why there is no history.
#[derive(Debug, Error)]
pub enum HistoryError {
    /// The place is none.
    #[error("history: {0}")]
    Place(String),
    /// Nothing has been kept there.
    #[error(
        "no history at {place}: keep one with --history {place}, or a section [history] in smart-ai.toml"
    )]
    Missing {
        /// Where it was looked for.
        place: String,
    },
    /// The store refuses or does not answer.
    #[error("the history at {place} cannot be read: {source}")]
    Store {
        /// Where it is.
        place: String,
        /// The store's words.
        source: sqlx::Error,
    },
}

/// A history that is being written.
#[derive(Debug)]
pub(crate) struct History {
    place: Place,
    recorder: Arc<Recorder>,
    learned: Learned,
    health: Health,
    writer: JoinHandle<()>,
}

impl History {
    /// Opens it and starts the task that writes; `None` where it is off. A store that is away is tried again later.
    ///
    /// # Errors
    /// A place that is none.
    pub(crate) async fn open(config: &HistoryConfig) -> Result<Option<Self>, HistoryError> {
        let Some(place) = config.place().map_err(HistoryError::Place)? else { return Ok(None) };
        let health = Health::default();
        let opening = async {
            let database = Database::open(&place, Purpose::Write).await?;
            let learned = learned::restore(&database).await?;
            Ok((database, learned))
        };
        let opened = timed(FIRST_OPENING, opening).await;
        let (database, learned) = match opened {
            Ok((database, learned)) => {
                health.up.set(1);
                (Some(database), learned)
            }
            Err(error) => {
                say(&format!("{} cannot be opened: {error}; jobs go on, rows wait", place.shown()));
                (None, Learned::default())
            }
        };
        let (sender, rows) = mpsc::channel(config.queue_rows.max(1) as usize);
        let recorder = Arc::new(Recorder::new(config.prompts, sender, health.clone(), learned.ratings_seen));
        let writer = Writer {
            place: place.clone(),
            database,
            keep_days: config.keep_days,
            keep_rows: config.keep_rows,
            stopped: recorder.stopped(),
            recorder: Arc::clone(&recorder),
            rows,
            health: health.clone(),
            batch: BATCH,
        };
        let writer = tokio::spawn(writer.run());
        Ok(Some(Self { place, recorder, learned, health, writer }))
    }

    /// An engine that goes on from what was learned, watched by the history, where there is one, and by these.
    pub(crate) fn engine(
        history: Option<&Self>,
        config: &FleetConfig,
        mut watching: Vec<Arc<dyn Observer>>,
    ) -> Result<Engine, ConfigError> {
        let Some(history) = history else { return Engine::observed(config, Observers::new(watching), None) };
        watching.push(Arc::clone(&history.recorder) as Arc<dyn Observer>);
        let observers = Observers::new(watching);
        let engine = match &history.learned.snapshot {
            None => Engine::observed(config, observers, None)?,
            Some(snapshot) => match Engine::observed(config, observers.clone(), Some(snapshot)) {
                Ok(engine) => engine,
                Err(refusal) => {
                    say(&format!("what was learned is not restored: {refusal}; learning starts anew"));
                    Engine::observed(config, observers, None)?
                }
            },
        };
        for rating in history.learned.ratings.clone() {
            judge(&engine, rating);
        }
        Ok(engine)
    }

    pub(crate) fn health(&self) -> &Health {
        &self.health
    }

    /// Passes on ratings given by other programs until stopped.
    pub(crate) fn follow_ratings(
        &self,
        engine: Engine,
        stopping: CancellationToken,
    ) -> impl Future<Output = ()> + use<> {
        let (place, seen) = (self.place.clone(), self.learned.ratings_seen);
        let recorder = Arc::clone(&self.recorder);
        async move {
            let mut seen = seen;
            let mut database = None;
            loop {
                tokio::select! {
                    () = stopping.cancelled() => return,
                    () = tokio::time::sleep(RATINGS_EVERY) => {}
                }
                if database.is_none() {
                    database = Database::open(&place, Purpose::Read).await.ok();
                }
                let Some(open) = &database else { continue };
                match learned::ratings_after(open, seen).await {
                    Ok((ratings, last)) => {
                        seen = last;
                        if ratings.is_empty() {
                            continue;
                        }
                        for rating in ratings {
                            judge(&engine, rating);
                        }
                        // Answered after them, so that no snapshot is said to hold a rating that it lacks.
                        if engine.snapshot().await.is_ok() {
                            recorder.rated(last);
                        }
                    }
                    // The writer tells of a store that is away.
                    Err(_) => database = None,
                }
            }
        }
    }

    /// Waits until all is written; the engine must have been closed.
    pub(crate) async fn close(self) {
        if tokio::time::timeout(LAST_WRITE, self.writer).await.is_err() {
            say("rows are lost: the store does not answer");
        }
    }
}

/// A rating that makes no sense any more is left out.
fn judge(engine: &Engine, rating: serde_json::Value) {
    drop(engine.feedback(rating));
}

/// A line of the log.
fn say(message: &str) {
    drop(writeln!(crate::screen::err(), "smart-ai: history: {message}"));
}
