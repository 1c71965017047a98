//! Writes what was recorded, off the driver's task. A store that fails is tried again, and again, later and later.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::config::Place;
use super::database::{Database, Reach, timed};
use super::learned::{self, Told};
use super::moment::{integer, now_ms};
use super::recorder::{Health, Recorder};
use super::refusal::{is_read_only, only_read, refusal};
use super::row::{Kept, Seen};
use super::say;

/// Rows written in one transaction.
pub(super) const BATCH: usize = 500;
/// How long the connections to a file that is gone may take to close.
const CLOSING: Duration = Duration::from_secs(5);
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
        let reach = self.database.as_ref().map_or(Reach::There, |database| database.reach(&self.place));
        if reach != Reach::There {
            let (place, is_gone) = (self.place.shown(), reach == Reach::Gone);
            let what =
                if is_gone { "is gone: a new one is begun" } else { "is another file now: it is opened" };
            say(&format!("{place} {what}"));
            // Its log goes with it: beside another file it would be taken for that one's.
            if let Some(database) = self.database.take() {
                drop(tokio::time::timeout(CLOSING, database.pool.close()).await);
            }
            if is_gone {
                self.recorder.begin_store();
            }
        }
        if let Some(database) = &self.database {
            return Ok(database.clone());
        }
        let database = learned::open(&self.place).await?;
        self.database = Some(database.clone());
        Ok(database)
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

    /// A writer of this file, and what it is told of: jobs of this task.
    async fn writer(file: &std::path::Path) -> Result<(Writer, impl Fn(u64, Task)), sqlx::Error> {
        let place = Place::File(file.to_path_buf());
        let database = learned::open(&place).await?;
        let (sender, rows) = mpsc::channel(100);
        let health = Health::default();
        let recorder = Arc::new(Recorder::new(false, sender, health.clone(), Knowledge::default()));
        let told = Arc::clone(&recorder);
        let writer = Writer {
            place,
            database: Some(database),
            keep_days: 90,
            keep_rows: 100,
            stopped: recorder.stopped(),
            recorder,
            rows,
            health,
            unwritten: None,
            is_read_only: false,
            batch: BATCH,
        };
        let ended = move |number, task| {
            told.ended(&JobEnd {
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
        };
        Ok((writer, ended))
    }

    impl Writer {
        /// Writes what it has been told.
        async fn write_all(&mut self) {
            let mut batch = Vec::new();
            self.gather(&mut batch).await;
            self.keep(&batch.into_iter().map(Kept::from).collect::<Vec<_>>()).await;
        }
    }

    async fn jobs_in(database: &Database) -> Result<i64, sqlx::Error> {
        sqlx::query_scalar("SELECT COUNT(*) FROM jobs").fetch_one(&database.pool).await
    }

    fn file_of(test: &str) -> std::path::PathBuf {
        std::env::temp_dir().join(format!("smart-ai-{test}-{}.db", std::process::id()))
    }

    /// The file, and those that `SQLite` keeps beside it.
    fn delete(file: &std::path::Path) {
        for suffix in ["", "-wal", "-shm"] {
            drop(std::fs::remove_file(format!("{}{suffix}", file.display())));
        }
    }

    #[tokio::test]
    async fn a_row_that_the_store_refuses_is_dropped_alone() -> Result<(), sqlx::Error> {
        let file = file_of("refused");
        let (mut writer, ended) = writer(&file).await?;
        let database = writer.open().await?;
        sqlx::query(
            "CREATE TRIGGER no BEFORE INSERT ON jobs WHEN NEW.task = 'code' BEGIN SELECT RAISE(ABORT, 'no'); END",
        )
        .execute(&database.pool)
        .await?;
        for number in 0..10 {
            ended(number, if number == 6 { Task::Code } else { Task::Chat });
        }
        writer.write_all().await;
        let (kept, health) = (jobs_in(&database).await?, writer.health);
        assert_eq!((kept, health.rows.get(), health.dropped.get(), health.queue.get()), (9, 9, 1, 0));
        database.pool.close().await;
        delete(&file);
        Ok(())
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_file_that_is_deleted_or_replaced_is_opened_anew() -> Result<(), sqlx::Error> {
        let (file, other) = (file_of("replaced"), file_of("replacing"));
        let (mut writer, ended) = writer(&file).await?;
        ended(1, Task::Chat);
        writer.write_all().await;
        // It is deleted, and another program that noticed first has begun a new one.
        delete(&file);
        learned::open(&Place::File(other.clone())).await?.pool.close().await;
        std::fs::rename(&other, &file)?;
        for number in 2..4 {
            ended(number, Task::Chat);
        }
        writer.write_all().await;
        assert_eq!(jobs_in(&writer.open().await?).await?, 2, "in the file that is there now");
        assert_eq!(writer.recorder.stores(), 0, "what others wrote there is not written again");
        delete(&file);
        ended(4, Task::Chat);
        writer.write_all().await;
        let database = writer.open().await?;
        assert_eq!((jobs_in(&database).await?, writer.recorder.stores()), (1, 1));
        database.pool.close().await;
        delete(&file);
        Ok(())
    }
}
