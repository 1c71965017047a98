//! Writes what was recorded, off the driver's task. A store that fails is tried again, and again, later and later.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::config::Place;
use super::database::{Database, Purpose, integer};
use super::learned;
use super::recorder::{Health, Recorder, now_ms};
use super::row::{Ended, Row};
use super::say;

/// Rows written in one transaction.
const BATCH: usize = 500;
/// Rows are gathered this long: what a crash may lose.
const GATHER: Duration = Duration::from_millis(250);
/// Between two tries of a store that failed, at first and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));
/// Between two looks for rows that are too old.
const FORGET_EVERY: Duration = Duration::from_secs(600);
/// Between two looks for something learned.
const LEARNED_EVERY: Duration = Duration::from_secs(5);
const DAY_MS: u64 = 86_400_000;

/// The task that writes.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) place: Place,
    pub(super) database: Option<Database>,
    pub(super) keep_days: u32,
    pub(super) keep_rows: u32,
    pub(super) recorder: Arc<Recorder>,
    pub(super) rows: mpsc::Receiver<Ended>,
    pub(super) stopped: watch::Receiver<bool>,
    pub(super) health: Health,
    /// The last rating that what is learned includes.
    pub(super) ratings_seen: i64,
}

impl Writer {
    pub(super) async fn run(mut self) {
        let mut batch = Vec::new();
        let mut forget_at = Instant::now();
        while !self.is_stopped() || !self.rows.is_empty() {
            if Instant::now() >= forget_at && !self.is_stopped() && !self.forget().await {
                forget_at = Instant::now() + FORGET_EVERY;
            }
            self.gather(&mut batch).await;
            if !batch.is_empty() {
                let rows: Vec<Row> = batch.drain(..).map(Row::from).collect();
                self.keep(&rows).await;
            }
            if !self.is_stopped() {
                self.keep_learned().await;
            }
        }
        self.keep_learned().await;
        if let Some(database) = self.database {
            database.pool.close().await;
        }
    }

    fn is_stopped(&self) -> bool {
        *self.stopped.borrow()
    }

    /// Waits for a row, then a little for more.
    async fn gather(&mut self, batch: &mut Vec<Ended>) {
        if !self.is_stopped() {
            tokio::select! {
                _ = self.rows.recv_many(batch, BATCH) => {}
                _ = self.stopped.wait_for(|stopped| *stopped) => {}
                () = tokio::time::sleep(LEARNED_EVERY) => return,
            }
            if batch.len() < BATCH && !self.is_stopped() {
                drop(tokio::time::timeout(GATHER, self.stopped.wait_for(|stopped| *stopped)).await);
            }
        }
        while batch.len() < BATCH {
            let Ok(row) = self.rows.try_recv() else { break };
            batch.push(row);
        }
    }

    /// Writes these rows, however long it takes; once asked to stop, tries once.
    async fn keep(&mut self, rows: &[Row]) {
        let mut pause = RETRY.0;
        let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        let waiting = i64::try_from(count).unwrap_or(i64::MAX);
        loop {
            let last = self.is_stopped();
            match self.write(rows).await {
                Ok(()) => {
                    self.works();
                    self.health.rows.inc_by(count);
                    break;
                }
                Err(error) => self.fails(&error),
            }
            if last {
                self.health.dropped.inc_by(count);
                say(&format!("{count} rows are lost: the program ends"));
                break;
            }
            drop(tokio::time::timeout(pause, self.stopped.wait_for(|stopped| *stopped)).await);
            pause = (pause * 2).min(RETRY.1);
        }
        self.health.queue.dec_by(waiting);
    }

    async fn write(&mut self, rows: &[Row]) -> Result<(), sqlx::Error> {
        self.open().await?.write(rows).await
    }

    async fn open(&mut self) -> Result<Database, sqlx::Error> {
        if let Some(database) = &self.database {
            return Ok(database.clone());
        }
        let database = Database::open(&self.place, Purpose::Write).await?;
        self.database = Some(database.clone());
        Ok(database)
    }

    fn works(&self) {
        if self.health.up.get() == 0 {
            say(&format!("written to {} again", self.place.shown()));
        }
        self.health.up.set(1);
        self.health.last_write.set(integer(now_ms() / 1000));
    }

    /// Said once. The next try opens it anew: a file may have become writable, a server may be back.
    fn fails(&mut self, error: &sqlx::Error) {
        if self.health.up.get() == 1 {
            say(&format!("{} cannot be written: {error}; jobs go on, rows wait", self.place.shown()));
        }
        self.health.up.set(0);
        if let Some(database) = self.database.take() {
            tokio::spawn(async move { database.pool.close().await });
        }
    }

    async fn keep_learned(&mut self) {
        let Some(snapshot) = self.recorder.take_learned() else { return };
        let seen = self.ratings_seen;
        let kept = match self.open().await {
            Ok(database) => learned::keep(&database, &snapshot, seen).await,
            Err(error) => Err(error),
        };
        match kept {
            Ok(()) => self.works(),
            Err(error) => self.fails(&error),
        }
    }

    /// Whether some are left to delete.
    async fn forget(&mut self) -> bool {
        let Some(database) = &self.database else { return false };
        let oldest = now_ms().saturating_sub(u64::from(self.keep_days) * DAY_MS);
        match database.forget(integer(oldest), self.keep_rows).await {
            Ok(more) => more,
            Err(error) => {
                self.fails(&error);
                false
            }
        }
    }
}
