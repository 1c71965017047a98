//! The tables: opening, writing, deleting. One set of statements for `SQLite` and `PostgreSQL`.

use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::{Any, Executor as _, Pool};

use super::config::Place;
use super::insert::insert;
use super::row::Row;

/// A server answers within this, or counts as away.
const PATIENCE: Duration = Duration::from_secs(5);
/// Jobs deleted at a time, so that writing is not held up.
const DELETED_AT_ONCE: i64 = 1_000;
/// Then rows that wait are written first.
const DELETIONS_AT_ONCE: usize = 5;

/// For whom it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Makes the file and its tables where there are none.
    Write,
    /// Makes nothing.
    Read,
}

/// An open history.
#[derive(Clone, Debug)]
pub(super) struct Database {
    pub(super) pool: Pool<Any>,
}

impl Database {
    pub(super) async fn open(place: &Place, purpose: Purpose) -> Result<Self, sqlx::Error> {
        sqlx::any::install_default_drivers();
        let writes = purpose == Purpose::Write;
        if let (Place::File(path), true) = (place, writes) {
            private(path)?;
        }
        let set_up = writes && matches!(place, Place::File(_));
        let options = AnyPoolOptions::new()
            .max_connections(if writes { 1 } else { 2 })
            .acquire_timeout(PATIENCE)
            // One connection keeps what is set up below.
            .idle_timeout(None)
            .max_lifetime(None);
        let opening = async {
            let pool = options.connect(&place.url(writes)).await?;
            if set_up {
                // A crash of the program loses nothing that was committed, and readers never wait.
                pool.execute("PRAGMA journal_mode = WAL").await?;
                pool.execute("PRAGMA synchronous = NORMAL").await?;
            }
            if writes {
                sqlx::migrate!("./migrations").run(&pool).await?;
            }
            Ok(Self { pool })
        };
        timed(PATIENCE * 2, opening).await
    }

    /// All of these rows, or none. A row that is there already stays as it is.
    pub(super) async fn write(&self, rows: &[Row]) -> Result<(), sqlx::Error> {
        timed(PATIENCE * 4, async {
            let mut transaction = self.pool.begin().await?;
            insert(&mut transaction, rows).await?;
            transaction.commit().await
        })
        .await
    }

    /// Deletes jobs sent before `oldest_ms`, and the oldest beyond `keep_rows`; `true` where some are left to delete.
    pub(super) async fn forget(&self, oldest_ms: i64, keep_rows: u32) -> Result<bool, sqlx::Error> {
        let beyond: Option<i64> =
            sqlx::query_scalar("SELECT at_ms FROM jobs ORDER BY at_ms DESC, job DESC LIMIT 1 OFFSET $1")
                .bind(i64::from(keep_rows))
                .fetch_optional(&self.pool)
                .await?;
        let before = beyond.map_or(oldest_ms, |at_ms| oldest_ms.max(at_ms.saturating_add(1)));
        for _ in 0..DELETIONS_AT_ONCE {
            let gone = sqlx::query(
                "DELETE FROM jobs WHERE job IN (SELECT job FROM jobs WHERE at_ms < $1 ORDER BY at_ms LIMIT $2)",
            )
            .bind(before)
            .bind(DELETED_AT_ONCE)
            .execute(&self.pool)
            .await?
            .rows_affected();
            if gone == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Ends in an error where the store does not answer in time.
pub(super) async fn timed<T>(
    within: Duration,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    tokio::time::timeout(within, work).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

pub(super) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The folder, and the file where there is none, for nobody but the user.
fn private(path: &std::path::Path) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new();
    file.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
    if path.exists() {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    file.open(path).map(drop)
}
