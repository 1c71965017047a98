//! What people said of answers. Kept apart from what was learned, so that each rating counts once in every program.

use smart_ai_core::{Knowledge, Millis, ModelName, Qualities, Rating};
use sqlx::Row as _;

use super::database::Database;
use super::moment::{KEPT_MS, integer, now_ms};

/// Two who rate at the same moment: the second tries again.
const TRIES: usize = 5;

/// The job that was rated.
#[derive(Clone, Debug)]
pub(crate) struct Rated {
    pub(crate) job: String,
    pub(crate) model: String,
    pub(crate) task: String,
}

/// What was said since the rating of this number, and the number of the last.
pub(super) async fn after(database: &Database, seen: i64) -> Result<(Knowledge, i64), sqlx::Error> {
    let rows = sqlx::query(
        "SELECT id, at_ms, model, task, score FROM ratings WHERE id > $1 AND at_ms >= $2 ORDER BY id",
    )
    .bind(seen)
    .bind(integer(now_ms().saturating_sub(KEPT_MS)))
    .fetch_all(&database.pool)
    .await?;
    let mut last = seen;
    let mut qualities = Qualities::default();
    for row in rows {
        last = row.try_get(0)?;
        let at = Millis(u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or(0));
        let (model, task): (String, String) = (row.try_get(2)?, row.try_get(3)?);
        // A kind of work that another version knows.
        let Ok(task) = serde_json::from_value(task.into()) else { continue };
        let score = Rating::Score(row.try_get(4)?);
        qualities.observe(at, &ModelName::from(model.as_str()), task, score);
    }
    let mut said = Knowledge::default();
    qualities.tell(&mut said);
    Ok((said, last))
}

pub(super) async fn rate(database: &Database, job: &str, score: f64) -> Result<Option<Rated>, sqlx::Error> {
    let row = sqlx::query("SELECT model, task FROM jobs WHERE job = $1 AND model IS NOT NULL")
        .bind(job)
        .fetch_optional(&database.pool)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let rated = Rated { job: job.to_owned(), model: row.try_get(0)?, task: row.try_get(1)? };
    let mut tries = 0;
    loop {
        let kept = sqlx::query(
            "INSERT INTO ratings (id, at_ms, job, model, task, score)
             SELECT COALESCE(MAX(id), 0) + 1, $1, $2, $3, $4, $5 FROM ratings",
        )
        .bind(integer(now_ms()))
        .bind(&rated.job)
        .bind(&rated.model)
        .bind(&rated.task)
        .bind(score)
        .execute(&database.pool)
        .await;
        tries += 1;
        match kept {
            Ok(_) => return Ok(Some(rated)),
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() && tries < TRIES => {}
            Err(error) => return Err(error),
        }
    }
}
