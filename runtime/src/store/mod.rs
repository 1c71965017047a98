//! The history: decisions and outcomes of jobs, and what was learned from them. `SQLite` by default, `PostgreSQL` by URL.
//!
//! Losing it never fails a job. Tables and columns: `docs/history.md`.

mod action;
mod config;
mod database;
mod former;
mod insert;
mod kept;
mod leadership;
mod learned;
mod moment;
mod others;
mod query;
mod ratings;
mod recorder;
mod refusal;
mod row;
mod value;
mod writer;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use smart_ai_core::wire::FleetConfig;
use smart_ai_core::{ConfigError, Knowledge};
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::driver::{Engine, Observer, Observers};
pub(crate) use action::Action;
pub use config::HistoryConfig;
pub(crate) use config::Place;
use database::{Database, Purpose, timed};
pub use kept::Keeping;
use leadership::Contender;
pub(crate) use leadership::Standing;
use learned::Learned;
use others::Others;
pub(crate) use query::{Filter, Reader};
pub(crate) use ratings::Rated;
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
/// Between two looks for what others have kept.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Between two looks for what others have learned.
const LEARN_EVERY: Duration = Duration::from_secs(10);
/// Such a look takes this long at most.
const LOOK_WITHIN: Duration = Duration::from_secs(20);
/// Who takes over is ready after this time at the latest, whether what was learned is there or not.
const TAKE_OVER_WITHIN: Duration = Duration::from_secs(5);

/// Why there is no history.
#[derive(Debug, Error)]
pub enum HistoryError {
    /// The place is neither a file nor a database URL.
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
    /// Absent while the store has not been read: what it holds is added once it is there.
    learned: Option<Learned>,
    health: Health,
    writer: JoinHandle<()>,
}

impl History {
    /// Opens it and starts the task that writes; `None` where it is off. A store that is away is tried again later.
    ///
    /// # Errors
    /// A place that is neither a file nor a database URL.
    pub(crate) async fn open(config: &HistoryConfig) -> Result<Option<Self>, HistoryError> {
        let Some(place) = config.place().map_err(HistoryError::Place)? else { return Ok(None) };
        let health = Health::default();
        let (database, learned, is_read_only) = match opened(Box::pin(learned::open(&place))).await {
            Ok((database, learned)) => {
                health.up.set(1);
                (Some(database), Some(learned), false)
            }
            Err(error) => {
                // A store that has not answered in time is not asked again so soon.
                let is_away = matches!(error, sqlx::Error::PoolTimedOut);
                let read = if is_away {
                    None
                } else {
                    opened(Box::pin(Database::open(&place, Purpose::Read))).await.ok()
                };
                let place = place.shown();
                say(&if read.is_some() {
                    refusal::only_read(&place, &error)
                } else {
                    format!("{place} cannot be opened: {error}; jobs go on, rows wait")
                });
                let is_read_only = read.is_some();
                (None, read.map(|(_, learned)| learned), is_read_only)
            }
        };
        let (sender, rows) = mpsc::channel(config.queue_rows.max(1) as usize);
        let base = learned.as_ref().map(|learned| learned.knowledge.clone()).unwrap_or_default();
        let recorder = Arc::new(Recorder::new(config.prompts, sender, health.clone(), base));
        let writer = Writer {
            place: place.clone(),
            database,
            keep_days: config.keep_days,
            keep_rows: config.keep_rows,
            stopped: recorder.stopped(),
            recorder: Arc::clone(&recorder),
            rows,
            health: health.clone(),
            unwritten: None,
            is_read_only,
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
        let nothing = Knowledge::default();
        let Some(history) = history else {
            return Engine::observed(config, Observers::new(watching), &nothing);
        };
        watching.push(Arc::clone(&history.recorder) as Arc<dyn Observer>);
        let known = history.learned.as_ref().map_or(&nothing, |learned| &learned.knowledge);
        Engine::observed(config, Observers::new(watching), known)
    }

    pub(crate) fn health(&self) -> &Health {
        &self.health
    }

    /// Passes on what the store holds, where it could not be read at the start, and what other programs learn and are told by
    /// ratings, until stopped.
    pub(crate) fn follow(
        &self,
        engine: Engine,
        stopping: CancellationToken,
    ) -> impl Future<Output = ()> + use<> {
        let place = self.place.clone();
        let recorder = Arc::clone(&self.recorder);
        let mut seen = self.learned.as_ref().map(|learned| learned.ratings_seen);
        async move {
            let mut database = None;
            let (mut others, mut learn_at) = (Others::default(), Instant::now() + LEARN_EVERY);
            let mut stores = recorder.stores();
            loop {
                tokio::select! {
                    () = stopping.cancelled() => return,
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                }
                if stores != recorder.stores() {
                    (stores, database) = (recorder.stores(), None);
                }
                if database.is_none() {
                    database = Database::open(&place, Purpose::Read).await.ok();
                }
                let Some(open) = &database else { continue };
                let looked = match seen {
                    None => timed(LOOK_WITHIN, take_back(open, &recorder, &engine)).await,
                    Some(seen) if Instant::now() >= learn_at => {
                        learn_at = Instant::now() + LEARN_EVERY;
                        let learned = take_lessons(open, &mut others, &recorder, &engine);
                        timed(LOOK_WITHIN, learned).await.map(|()| Some(seen))
                    }
                    Some(seen) => timed(LOOK_WITHIN, take_ratings(open, seen, &engine)).await.map(Some),
                };
                match looked {
                    Ok(last) => seen = last,
                    // The writer tells of a store that is away.
                    Err(_) => database = None,
                }
            }
        }
    }

    /// What this program is among those that use one history and one `lock`, and the task that finds it out, to be run until the
    /// program ends: one leads, and has taken back what the others learned before it is said to. `None` where the history is a file.
    pub(crate) fn contend(
        &self,
        lock: i64,
        name: &str,
        engine: Engine,
    ) -> Option<(watch::Receiver<Standing>, impl Future<Output = ()> + use<>)> {
        let contender = Contender::new(&self.place, lock, name)?;
        let (place, recorder) = (self.place.clone(), Arc::clone(&self.recorder));
        let take_over = async move || {
            let learned = async {
                let database = Database::open(&place, Purpose::Read).await?;
                take_back(&database, &recorder, &engine).await
            };
            if let Err(error) = timed(TAKE_OVER_WITHIN, learned).await {
                say(&format!("takes over without what others learned lately: {error}"));
            }
        };
        let (told, standing) = watch::channel(Standing::Waits(contender.not_asked()));
        Some((standing, contender.run(told, take_over)))
    }

    /// Waits until all is written; the engine must have been closed.
    pub(crate) async fn close(self) {
        if tokio::time::timeout(LAST_WRITE, self.writer).await.is_err() {
            say("rows are lost: the store does not answer");
        }
    }
}

/// The store that is being opened and what it holds, within a short time.
async fn opened(
    database: impl Future<Output = Result<Database, sqlx::Error>>,
) -> Result<(Database, Learned), sqlx::Error> {
    let opening = async {
        let database = database.await?;
        let learned = learned::restore(&database).await?;
        Ok((database, learned))
    };
    timed(FIRST_OPENING, opening).await
}

/// Adds what the store holds to what was learned while it was away; gives the last rating. `None` where it must wait for what is
/// being written.
async fn take_back(
    database: &Database,
    recorder: &Recorder,
    engine: &Engine,
) -> Result<Option<i64>, sqlx::Error> {
    let exchange = recorder.exchange.lock().await;
    if exchange.is_half_written {
        return Ok(None);
    }
    let base = recorder.base();
    let learned = learned::restore(database).await?;
    say("what was learned before is taken back");
    engine.absorb(base, learned.knowledge);
    Ok(Some(learned.ratings_seen))
}

/// Passes on what other programs have learned.
async fn take_lessons(
    database: &Database,
    others: &mut Others,
    recorder: &Recorder,
    engine: &Engine,
) -> Result<(), sqlx::Error> {
    let exchange = recorder.exchange.lock().await;
    if exchange.is_half_written {
        return Ok(());
    }
    let base = recorder.base();
    let theirs = others.look(database, &base).await?;
    if !theirs.is_empty() {
        engine.absorb(base, theirs);
    }
    Ok(())
}

/// Passes on ratings given since; gives the last.
async fn take_ratings(database: &Database, seen: i64, engine: &Engine) -> Result<i64, sqlx::Error> {
    let (said, last) = ratings::after(database, seen).await?;
    if !said.is_empty() {
        engine.absorb(Knowledge::default(), said);
    }
    Ok(last)
}

/// A line of the log.
fn say(message: &str) {
    drop(writeln!(crate::screen::err(), "smart-ai: history: {message}"));
}
