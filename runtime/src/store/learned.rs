//! What was learned, over a restart: the latest snapshot, and the ratings given since.

use serde_json::{Value, json};
use smart_ai_core::Snapshot;
use sqlx::Row as _;

use super::database::{Database, integer};
use super::recorder::now_ms;
use super::say;
use super::united::unite;

/// Two who rate at the same moment: the second tries again.
const TRIES: usize = 5;

/// What was learned, and the last rating that it includes.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) snapshot: Box<Snapshot>,
    pub(super) ratings_seen: i64,
}

/// What a dispatcher starts with.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    pub(crate) snapshot: Option<Snapshot>,
    /// Ratings it does not include, in the shape of [`Feedback`](smart_ai_core::wire::Feedback).
    pub(crate) ratings: Vec<Value>,
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

/// Adds what was learned here to what the store holds: others that share it, hosts that were off, and what was there while the store
/// was away keep theirs.
pub(super) async fn keep(database: &Database, learned: &Told) -> Result<(), sqlx::Error> {
    let encode = |error: serde_json::Error| sqlx::Error::Encode(error.into());
    let mine = serde_json::to_string(&learned.snapshot).map_err(encode)?;
    let version = i64::from(learned.snapshot.version);
    for _ in 0..TRIES {
        let stored =
            sqlx::query("SELECT at_ms, version, ratings_seen, state FROM learned WHERE name = 'fleet'")
                .fetch_optional(&database.pool)
                .await?;
        let now = integer(now_ms());
        let written = if let Some(row) = stored {
            let (at_ms, seen): (i64, i64) = (row.try_get(0)?, row.try_get(2)?);
            let same = row.try_get::<i64, _>(1)? == version;
            let theirs = row.try_get::<String, _>(3)?;
            let united = same.then(|| united(&learned.snapshot, &theirs)).flatten();
            let state = united.unwrap_or_else(|| mine.clone());
            sqlx::query(
                "UPDATE learned SET at_ms = $1, version = $2, ratings_seen = $3, state = $4
                 WHERE name = 'fleet' AND at_ms = $5",
            )
            .bind(now.max(at_ms.saturating_add(1)))
            .bind(version)
            .bind(if same { learned.ratings_seen.max(seen) } else { learned.ratings_seen })
            .bind(state)
            .bind(at_ms)
            .execute(&database.pool)
            .await?
        } else {
            sqlx::query(
                "INSERT INTO learned (name, at_ms, version, ratings_seen, state)
                 VALUES ('fleet', $1, $2, $3, $4) ON CONFLICT (name) DO NOTHING",
            )
            .bind(now)
            .bind(version)
            .bind(learned.ratings_seen)
            .bind(mine.as_str())
            .execute(&database.pool)
            .await?
        };
        // Another program wrote in between: once more, with what it wrote.
        if written.rows_affected() > 0 {
            break;
        }
    }
    Ok(())
}

/// Both states as one; `None` where the stored one is of another version or no snapshot.
fn united(mine: &Snapshot, theirs: &str) -> Option<String> {
    let theirs: Value = serde_json::from_str(theirs).ok()?;
    let mut state = serde_json::to_value(mine).ok()?;
    if theirs.get("version") != state.get("version") {
        return None;
    }
    unite(&mut state, &theirs, now_ms());
    serde_json::to_string(&serde_json::from_value::<Snapshot>(state).ok()?).ok()
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
pub(super) async fn ratings_after(database: &Database, seen: i64) -> Result<(Vec<Value>, i64), sqlx::Error> {
    let rows = sqlx::query("SELECT id, model, task, score FROM ratings WHERE id > $1 ORDER BY id")
        .bind(seen)
        .fetch_all(&database.pool)
        .await?;
    let mut last = seen;
    let mut ratings = Vec::new();
    for row in rows {
        last = row.try_get(0)?;
        let (model, task): (String, String) = (row.try_get(1)?, row.try_get(2)?);
        ratings.push(json!({ "model": model, "task": task, "score": row.try_get::<f64, _>(3)? }));
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
    smart_ai_core::json::from_str(state)
        .map_err(|refusal| {
            say(&format!(
                "what was learned is of another version and is not restored ({refusal}); learning starts anew"
            ));
        })
        .ok()
}

#[cfg(test)]
mod tests {
    use smart_ai_core::{Config, Dispatcher, HostConfig, Millis};

    use super::super::config::Place;
    use super::super::database::Purpose;
    use super::*;

    /// What a dispatcher of this one host has learned of its speed.
    fn told(host: &str, ratings_seen: i64) -> Result<Told, sqlx::Error> {
        let dispatcher = Dispatcher::new(Config::new(vec![HostConfig::new(host)]), 1)
            .map_err(|error| sqlx::Error::Configuration(error.to_string().into()))?;
        let mut snapshot = Box::new(dispatcher.snapshot());
        for host in &mut snapshot.hosts {
            host.decode_speed.observe(Millis(now_ms()), 2.0);
        }
        Ok(Told { snapshot, ratings_seen })
    }

    #[tokio::test]
    async fn two_fleets_on_one_store_keep_what_either_learned() -> Result<(), sqlx::Error> {
        let file = std::env::temp_dir().join(format!("smart-ai-learned-{}.db", std::process::id()));
        let database = Database::open(&Place::File(file.clone()), Purpose::Write).await?;
        for (host, ratings_seen) in [("a", 2), ("b", 1), ("a", 2)] {
            keep(&database, &told(host, ratings_seen)?).await?;
        }
        let kept = restore(&database).await?;
        let hosts = kept.snapshot.map(|snapshot| snapshot.hosts).unwrap_or_default();
        let mut hosts: Vec<&str> = hosts.iter().map(|host| host.host.as_str()).collect();
        hosts.sort_unstable();
        assert_eq!((hosts, kept.ratings_seen), (vec!["a", "b"], 2));
        database.pool.close().await;
        drop(std::fs::remove_file(file));
        Ok(())
    }
}
