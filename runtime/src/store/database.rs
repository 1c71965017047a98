//! The tables: opening, writing, deleting. One set of statements for `SQLite` and `PostgreSQL`.

use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::migrate::Migrator;
use sqlx::{Any, Executor as _, Pool};

use super::config::{Opening, Place};
use super::insert::insert;
use super::row::Kept;

/// A server answers within this, or counts as away.
const PATIENCE: Duration = Duration::from_secs(5);
/// Rows deleted at a time, so that writing is not held up.
const DELETED_AT_ONCE: i64 = 1_000;
/// Then rows that wait are written first.
const DELETIONS_AT_ONCE: usize = 5;

/// The tables, and how they came to be.
static TABLES: Migrator = sqlx::migrate!("./migrations");

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
    /// The file that is written; `None` of a server, and of one that is only read.
    file: Option<FileId>,
}

/// What tells a file from another one under the same name: its device and its number there.
type FileId = (u64, u64);

/// Whether what is written still reaches the file at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    There,
    /// The file was deleted or moved away.
    Gone,
    /// There is another file in its place.
    Replaced,
}

impl Database {
    pub(super) async fn open(place: &Place, purpose: Purpose) -> Result<Self, sqlx::Error> {
        sqlx::any::install_default_drivers();
        let opening = async {
            match purpose {
                Purpose::Write => Self::to_write(place).await,
                Purpose::Read => Self::to_read(place).await,
            }
        };
        timed(PATIENCE * 2, opening).await
    }

    async fn to_write(place: &Place) -> Result<Self, sqlx::Error> {
        if let Place::File(path) = place {
            private(path)?;
        }
        let pool = connect(place, Opening::Make, 1).await?;
        if matches!(place, Place::File(_)) {
            // A crash of the program loses nothing that was committed, and readers never wait.
            pool.execute("PRAGMA journal_mode = WAL").await?;
            pool.execute("PRAGMA synchronous = NORMAL").await?;
        }
        // Whose tables are up to date needs no right to make any.
        if !is_up_to_date(&pool).await {
            TABLES.run(&pool).await?;
        }
        let file = if let Place::File(path) = place { file_id(path) } else { None };
        Ok(Self { pool, file })
    }

    /// Whether what is written still reaches the place that was opened.
    pub(super) fn reach(&self, place: &Place) -> Reach {
        let Place::File(path) = place else { return Reach::There };
        match file_id(path) {
            None => Reach::Gone,
            found if found == self.file => Reach::There,
            Some(_) => Reach::Replaced,
        }
    }

    async fn to_read(place: &Place) -> Result<Self, sqlx::Error> {
        let opened = connect(place, Opening::Found, 2).await;
        if matches!(place, Place::Server(_)) {
            return Ok(Self { pool: opened?, file: None });
        }
        let works = async |pool: Pool<Any>| {
            pool.fetch_optional("SELECT 1 FROM sqlite_schema LIMIT 1").await?;
            Ok::<_, sqlx::Error>(Self { pool, file: None })
        };
        let opened = match opened {
            Ok(pool) => works(pool).await,
            Err(error) => Err(error),
        };
        // Where nothing may be written SQLite cannot make the files by which it shares one: then nobody changes it either.
        match opened {
            Ok(database) => Ok(database),
            Err(error) => match connect(place, Opening::Unchanging, 2).await {
                Ok(pool) => works(pool).await.map_err(|_| error),
                Err(_) => Err(error),
            },
        }
    }

    /// All of these rows, or none. A row that is there already stays as it is.
    pub(super) async fn write(&self, rows: &[Kept]) -> Result<(), sqlx::Error> {
        timed(PATIENCE * 4, async {
            let mut transaction = self.pool.begin().await?;
            insert(&mut transaction, rows).await?;
            transaction.commit().await
        })
        .await
    }

    /// Deletes jobs and actions older than `oldest_ms`, and the oldest of either beyond `keep_rows`; `true` where some are left to
    /// delete.
    pub(super) async fn forget(&self, oldest_ms: i64, keep_rows: u32) -> Result<bool, sqlx::Error> {
        let mut more = false;
        for (table, name) in [("jobs", "job"), ("actions", "name")] {
            more |= self.forget_in(table, name, oldest_ms, keep_rows).await?;
        }
        Ok(more)
    }

    async fn forget_in(
        &self,
        table: &str,
        name: &str,
        oldest_ms: i64,
        keep_rows: u32,
    ) -> Result<bool, sqlx::Error> {
        let beyond = format!("SELECT at_ms FROM {table} ORDER BY at_ms DESC, {name} DESC LIMIT 1 OFFSET $1");
        let beyond: Option<i64> =
            sqlx::query_scalar(&beyond).bind(i64::from(keep_rows)).fetch_optional(&self.pool).await?;
        let before = beyond.map_or(oldest_ms, |at_ms| oldest_ms.max(at_ms.saturating_add(1)));
        let delete = format!(
            "DELETE FROM {table} WHERE {name} IN
             (SELECT {name} FROM {table} WHERE at_ms < $1 ORDER BY at_ms LIMIT $2)"
        );
        for _ in 0..DELETIONS_AT_ONCE {
            let deletion = sqlx::query(&delete).bind(before).bind(DELETED_AT_ONCE);
            if deletion.execute(&self.pool).await?.rows_affected() == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

async fn connect(place: &Place, opening: Opening, connections: u32) -> Result<Pool<Any>, sqlx::Error> {
    let options = AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(PATIENCE)
        // One connection keeps what is set up.
        .idle_timeout(None)
        .max_lifetime(None);
    options.connect(&place.url(opening)).await
}

/// Whether every step of the tables has been taken.
async fn is_up_to_date(pool: &Pool<Any>) -> bool {
    let taken: Result<Vec<i64>, sqlx::Error> =
        sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success").fetch_all(pool).await;
    taken.is_ok_and(|taken| TABLES.iter().all(|step| taken.contains(&step.version)))
}

/// Ends in an error where the store does not answer in time.
pub(super) async fn timed<T>(
    within: Duration,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    tokio::time::timeout(within, work).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

/// `None` where there is no file. Windows deletes and replaces none that is open: there all count as one.
fn file_id(path: &std::path::Path) -> Option<FileId> {
    let found = std::fs::metadata(path).ok()?;
    #[cfg(unix)]
    return Some((std::os::unix::fs::MetadataExt::dev(&found), std::os::unix::fs::MetadataExt::ino(&found)));
    #[cfg(not(unix))]
    return Some((0, u64::from(found.is_file())));
}

/// Makes the folder, and the file if it does not exist. Only the user may read the file.
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
