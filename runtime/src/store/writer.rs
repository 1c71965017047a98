//! Writes what was recorded, off the driver's task. A store that fails is tried again, and again, later and later.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::config::Place;
use super::database::{Database, timed};
use super::learned::{self, Told};
use super::moment::{integer, now_ms};
use super::recorder::{Health, Recorder};
use super::refusal::{is_read_only, only_read, refusal};
use super::row::{Kept, Seen};
use super::say;

/// Rows written in one transaction.
pub(super) const BATCH: usize = 500;
/// Rows are gathered this long: what a crash may lose.
const GATHER: Duration = Duration::from_millis(250);
/// Between two tries of a store that failed, at first and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));
/// Between two looks for rows that are too old.
const FORGET_EVERY: Duration = Duration::from_secs(600);
/// Writing what was learned takes this long at most.
const LEARNED_WITHIN: Duration = Duration::from_secs(10);
/// Deleting takes this long at most.
const FORGET_WITHIN: Duration = Duration::from_secs(60);
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
    pub(super) rows: mpsc::Receiver<Seen>,
    pub(super) stopped: watch::Receiver<bool>,
    pub(super) health: Health,
    /// What was learned and could not be written yet.
    pub(super) unwritten: Option<Told>,
    /// The store was found to be one that may only be read: that has been said.
    pub(super) is_read_only: bool,
    /// Rows written at once for now: half as many after each failure, twice as many after each success, up to `BATCH`.
    pub(super) batch: usize,
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
                let rows: Vec<Kept> = batch.drain(..).map(Kept::from).collect();
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
    async fn gather(&mut self, batch: &mut Vec<Seen>) {
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

    /// Writes these rows, however long it takes; once asked to stop, tries once. A store that is slow gets fewer at a time, and a row
    /// that the store refuses is dropped alone.
    async fn keep(&mut self, rows: &[Kept]) {
        let mut pause = RETRY.0;
        let mut left = rows;
        while let Some(some) = left.get(..self.batch.min(left.len())).filter(|some| !some.is_empty()) {
            let last = self.is_stopped();
            let written = self.write(some).await;
            let refusal = written.as_ref().err().and_then(refusal);
            match (written, refusal, some) {
                (Ok(()), ..) => {
                    self.works();
                    self.health.rows.inc_by(count(some));
                    self.batch = (self.batch * 2).min(BATCH);
                    pause = RETRY.0;
                }
                (Err(_), Some(code), [row]) => {
                    self.health.dropped.inc();
                    say(&format!(
                        "the row of {} is dropped: the store refuses it (code {code})",
                        row.spoken()
                    ));
                }
                (Err(_), Some(_), _) => {
                    self.batch = (some.len() / 2).max(1);
                    continue;
                }
                (Err(error), None, _) => {
                    self.fails(&error);
                    self.batch = (some.len() / 2).max(1);
                    if last {
                        break;
                    }
                    drop(tokio::time::timeout(pause, self.stopped.wait_for(|stopped| *stopped)).await);
                    pause = (pause * 2).min(RETRY.1);
                    continue;
                }
            }
            self.health.queue.dec_by(integer(count(some)));
            left = left.get(some.len()..).unwrap_or_default();
        }
        if !left.is_empty() {
            let lost = count(left);
            self.health.dropped.inc_by(lost);
            self.health.queue.dec_by(integer(lost));
            if !self.is_read_only {
                say(&format!("{lost} rows are lost: the program ends"));
            }
        }
    }

    async fn write(&mut self, rows: &[Kept]) -> Result<(), sqlx::Error> {
        self.open().await?.write(rows).await
    }

    async fn open(&mut self) -> Result<Database, sqlx::Error> {
        if self.is_file_gone() {
            say(&format!("{} is gone: a new one is begun", self.place.shown()));
            self.leave();
            self.recorder.begin_store();
        }
        if let Some(database) = &self.database {
            return Ok(database.clone());
        }
        let database = learned::open(&self.place).await?;
        self.database = Some(database.clone());
        Ok(database)
    }

    /// Whether the file has been deleted or moved away while it was open: what is written there then is lost.
    fn is_file_gone(&self) -> bool {
        self.database.is_some() && matches!(&self.place, Place::File(file) if !file.exists())
    }

    /// The next try opens it anew.
    fn leave(&mut self) {
        if let Some(database) = self.database.take() {
            tokio::spawn(async move { database.pool.close().await });
        }
    }

    fn works(&mut self) {
        self.is_read_only = false;
        if self.health.up.get() == 0 {
            say(&format!("written to {} again", self.place.shown()));
        }
        self.health.up.set(1);
        self.health.last_write.set(integer(now_ms() / 1000));
    }

    /// Said once. The next try opens it anew: a file may have become writable, a server may be back.
    fn fails(&mut self, error: &sqlx::Error) {
        let (place, was_up) = (self.place.shown(), self.health.up.get() == 1);
        if is_read_only(error) && !self.is_read_only {
            self.is_read_only = true;
            say(&only_read(&place, error));
        } else if was_up {
            say(&format!("{place} cannot be written: {error}; jobs go on, rows wait"));
        }
        self.health.up.set(0);
        self.leave();
    }

    async fn keep_learned(&mut self) {
        let recorder = Arc::clone(&self.recorder);
        let mut exchange = recorder.exchange.lock().await;
        // What was begun is ended first: only that tells which rows it has written.
        while let Some(mut told) = self.unwritten.take().or_else(|| recorder.take_learned()) {
            let kept = match self.open().await {
                Ok(database) => {
                    timed(LEARNED_WITHIN, learned::keep(&database, recorder.run(), &mut told)).await
                }
                Err(error) => Err(error),
            };
            match kept {
                Ok(()) => {
                    exchange.is_half_written = false;
                    recorder.kept(&told);
                    self.works();
                }
                Err(error) => {
                    exchange.is_half_written = told.is_begun();
                    self.unwritten = Some(told);
                    self.fails(&error);
                    return;
                }
            }
        }
    }

    /// Whether some are left to delete.
    async fn forget(&mut self) -> bool {
        let Some(database) = &self.database else { return false };
        let oldest = now_ms().saturating_sub(u64::from(self.keep_days) * DAY_MS);
        let forgetting = async {
            learned::forget(database).await?;
            database.forget(integer(oldest), self.keep_rows).await
        };
        match timed(FORGET_WITHIN, forgetting).await {
            Ok(more) => more,
            Err(error) => {
                self.fails(&error);
                false
            }
        }
    }
}

fn count(rows: &[Kept]) -> u64 {
    u64::try_from(rows.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use smart_ai_core::{JobId, Knowledge, Outcome, Request, Task};

    use super::*;
    use crate::driver::{JobEnd, Observer as _, Texts};

    #[tokio::test]
    async fn a_row_that_the_store_refuses_is_dropped_alone() -> Result<(), sqlx::Error> {
        let file = std::env::temp_dir().join(format!("smart-ai-refused-{}.db", std::process::id()));
        let place = Place::File(file.clone());
        let database = learned::open(&place).await?;
        sqlx::query(
            "CREATE TRIGGER no BEFORE INSERT ON jobs WHEN NEW.task = 'code' BEGIN SELECT RAISE(ABORT, 'no'); END",
        )
        .execute(&database.pool)
        .await?;
        let (sender, rows) = mpsc::channel(100);
        let health = Health::default();
        let recorder = Arc::new(Recorder::new(false, sender, health.clone(), Knowledge::default()));
        for number in 0..10 {
            let task = if number == 6 { Task::Code } else { Task::Chat };
            recorder.ended(&JobEnd {
                job: JobId(number),
                submitted_at: Duration::ZERO,
                ended_at: Duration::ZERO,
                request: &Request::new(task, 10),
                outcome: &Outcome::default(),
                error: None,
                decision: None,
                texts: Texts::default(),
                calls: &[],
                traceparent: None,
            });
        }
        let mut writer = Writer {
            place,
            database: Some(database.clone()),
            keep_days: 90,
            keep_rows: 100,
            stopped: recorder.stopped(),
            recorder,
            rows,
            health: health.clone(),
            unwritten: None,
            is_read_only: false,
            batch: BATCH,
        };
        let mut batch = Vec::new();
        writer.gather(&mut batch).await;
        writer.keep(&batch.into_iter().map(Kept::from).collect::<Vec<_>>()).await;
        let kept: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM jobs").fetch_one(&database.pool).await?;
        assert_eq!((kept, health.rows.get(), health.dropped.get(), health.queue.get()), (9, 9, 1, 0));
        database.pool.close().await;
        drop(std::fs::remove_file(file));
        Ok(())
    }
}
