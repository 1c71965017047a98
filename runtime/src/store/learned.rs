//! What was learned, over a restart: the latest snapshot, and the ratings given since.

use serde_json::{Value, json};
use smart_ai_core::{Json, Read as _, Snapshot};
use sqlx::Row as _;

use super::database::{Database, integer};
use super::recorder::now_ms;
use super::say;

/// Two who rate at the same moment: the second tries again.
const TRIES: usize = 5;

/// What a dispatcher starts with.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    pub(crate) snapshot: Option<Snapshot>,
    /// Ratings it does not include, in the shape of [`Feedback`](smart_ai_core::wire::Feedback).
    pub(crate) ratings: Vec<Json>,
    /// The last of them.
    pub(super) ratings_seen: i64,
}

/// The job that was rated.
#[derive(Clone, Debug)]
pub(crate) struct Rated {
    pub(crate) job: String,
    pub(crate) model: String,
    pub(crate) task: String,
}

pub(super) async fn keep(database: &Database, snapshot: &Snapshot, seen: i64) -> Result<(), sqlx::Error> {
    let state = serde_json::to_string(snapshot).map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query(
        "INSERT INTO learned (name, at_ms, version, ratings_seen, state) VALUES ('fleet', $1, $2, $3, $4)
         ON CONFLICT (name) DO UPDATE SET at_ms = excluded.at_ms, version = excluded.version,
         ratings_seen = excluded.ratings_seen, state = excluded.state",
    )
    .bind(integer(now_ms()))
    .bind(i64::from(snapshot.version))
    .bind(seen)
    .bind(state)
    .execute(&database.pool)
    .await?;
    Ok(())
}

pub(super) async fn restore(database: &Database) -> Result<Learned, sqlx::Error> {
    let row = sqlx::query("SELECT ratings_seen, state FROM learned WHERE name = 'fleet'")
        .fetch_optional(&database.pool)
        .await?;
    let (seen, snapshot) = match row {
        None => (0, None),
        Some(row) => (row.try_get::<i64, _>(0)?, read(&row.try_get::<String, _>(1)?)),
    };
    // A snapshot that cannot be read includes no rating.
    let seen = if snapshot.is_some() { seen } else { 0 };
    let (ratings, ratings_seen) = ratings_after(database, seen).await?;
    Ok(Learned { snapshot, ratings, ratings_seen })
}

/// Ratings given since, and the number of the last.
pub(super) async fn ratings_after(database: &Database, seen: i64) -> Result<(Vec<Json>, i64), sqlx::Error> {
    let rows = sqlx::query("SELECT id, model, task, score FROM ratings WHERE id > $1 ORDER BY id")
        .bind(seen)
        .fetch_all(&database.pool)
        .await?;
    let mut last = seen;
    let mut ratings = Vec::new();
    for row in rows {
        last = row.try_get(0)?;
        let (model, task): (String, String) = (row.try_get(1)?, row.try_get(2)?);
        ratings.push(json!({ "model": model, "task": task, "score": row.try_get::<f64, _>(3)? }).into());
    }
    Ok((ratings, last))
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

fn read(state: &str) -> Option<Snapshot> {
    let value: Value = serde_json::from_str(state).unwrap_or_default();
    Snapshot::read(value.into())
        .map_err(|refusal| {
            say(&format!(
                "what was learned is of another version and is not restored ({refusal}); learning starts anew"
            ));
        })
        .ok()
}
