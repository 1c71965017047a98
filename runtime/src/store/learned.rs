//! What was learned, over a restart and among programs: a row for each subject. Whoever writes adds to the row what it has learned since
//! it last wrote, so that the observations of all count, each once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use smart_ai_core::{Knowledge, Lessons, Subject};
use sqlx::{Any, Row as _, Transaction};

use super::config::Place;
use super::database::{Database, Purpose, timed};
use super::former;
use super::moment::{KEPT_MS, integer, now_ms};
use super::ratings;
use super::say;
use super::value::{Value, places};

/// Of this format: rows of another one are left alone.
pub(super) const VERSION: i64 = 1;
/// How often a row is tried that others write at the same moment.
const TRIES: usize = 10;
/// How long taking an earlier version's row apart may take.
const TAKING_APART: Duration = Duration::from_secs(5);
/// Rows written at once.
pub(super) const AT_ONCE: usize = 500;
/// Shapes restored, those updated last: as many as a dispatcher remembers.
const SHAPES_RESTORED: i64 = 2_000;
/// Shapes kept for all programs, those updated last.
const SHAPES_KEPT: i64 = 10_000;
/// A subject whose name is longer is not kept: no index holds it.
const NAME_MOST: usize = 2_000;
const COLUMNS: usize = 7;

/// What a dispatcher has learned, to be kept.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) knowledge: Knowledge,
    /// What of it the store holds already.
    pub(super) base: Knowledge,
    /// Subjects whose row has been written since.
    pub(super) written: BTreeSet<Subject>,
    /// The revision of each row whose writing was begun: where it failed at the last moment, it may have been written.
    begun: BTreeMap<String, i64>,
}

impl Told {
    pub(super) fn new(knowledge: Knowledge, base: Knowledge) -> Self {
        Self { knowledge, base, written: BTreeSet::new(), begun: BTreeMap::new() }
    }

    /// Whether some of it may stand in the store already.
    pub(super) fn is_begun(&self) -> bool {
        !self.begun.is_empty()
    }

    /// Subjects about which there is something to write, and what their rows are called.
    fn left(&self) -> Vec<(Subject, String)> {
        let subjects = self.knowledge.iter().filter(|(subject, lessons)| {
            !self.written.contains(subject) && self.base.get(subject) != Some(lessons)
        });
        let named = subjects.filter_map(|(subject, _)| Some((subject.clone(), name(subject)?)));
        named.collect()
    }
}

/// What a dispatcher starts with, or is given when the store is back.
#[derive(Debug, Default)]
pub(super) struct Learned {
    pub(super) knowledge: Knowledge,
    /// The last rating that it includes.
    pub(super) ratings_seen: i64,
}

/// A row as it is stored.
pub(super) struct Stored {
    pub(super) revision: i64,
    writer: String,
    pub(super) lessons: Option<Lessons>,
}

/// A store to write in. What an earlier version kept in one row is taken apart.
pub(super) async fn open(place: &Place) -> Result<Database, sqlx::Error> {
    let database = Database::open(place, Purpose::Write).await?;
    timed(TAKING_APART, take_apart(&database)).await?;
    Ok(database)
}

/// Moves what an earlier version kept in one row into `estimates`, if there is such a row. If two programs try, one of them does it.
async fn take_apart(database: &Database) -> Result<(), sqlx::Error> {
    let row = sqlx::query("SELECT state FROM learned WHERE name = 'fleet' AND state <> ''")
        .fetch_optional(&database.pool)
        .await?;
    let Some(row) = row else { return Ok(()) };
    let state: String = row.try_get(0)?;
    let Some(knowledge) = former::knowledge(&state) else { return Ok(()) };
    let mut transaction = database.pool.begin().await?;
    let taken = sqlx::query("UPDATE learned SET state = '' WHERE name = 'fleet' AND state = $1")
        .bind(state)
        .execute(&mut *transaction)
        .await?;
    if taken.rows_affected() > 0 {
        insert(&mut transaction, &knowledge).await?;
    }
    transaction.commit().await
}

/// Adds to the store what was learned here. What others write at the same moment is read again and added to.
pub(super) async fn keep(database: &Database, writer: &str, told: &mut Told) -> Result<(), sqlx::Error> {
    for _ in 0..TRIES {
        let left = told.left();
        if left.is_empty() {
            break;
        }
        for some in left.chunks(AT_ONCE) {
            write(database, writer, told, some).await?;
        }
    }
    Ok(())
}

async fn write(
    database: &Database,
    writer: &str,
    told: &mut Told,
    subjects: &[(Subject, String)],
) -> Result<(), sqlx::Error> {
    let asked: Vec<&str> = subjects.iter().map(|(_, name)| name.as_str()).collect();
    let stored = stored(database, &asked).await?;
    let mut rows = Vec::new();
    let mut named = BTreeMap::new();
    for (subject, name) in subjects {
        let (row, mine) = (stored.get(name), told.knowledge.get(subject));
        let held = row.and_then(|row| row.lessons.as_ref());
        let begun = told.begun.get(name);
        let is_written = row.is_some_and(|row| row.writer == writer && begun == Some(&row.revision));
        let mut lessons = held.cloned().unwrap_or_default();
        if let Some(mine) = mine.filter(|_| !is_written) {
            lessons.unite(told.base.get(subject), mine);
        }
        if is_written || held == Some(&lessons) {
            told.written.insert(subject.clone());
            continue;
        }
        let revision = row.map_or(0, |row| row.revision) + 1;
        told.begun.insert(name.clone(), revision);
        rows.extend(values(name, subject, revision, writer, &lessons));
        named.insert(name.as_str(), subject);
    }
    if rows.is_empty() {
        return Ok(());
    }
    let mut transaction = database.pool.begin().await?;
    let written = upsert(&mut transaction, rows).await?;
    transaction.commit().await?;
    for name in &written {
        told.written.extend(named.get(name.as_str()).map(|subject| (*subject).clone()));
    }
    Ok(())
}

/// The rows of these names, where there are any.
pub(super) async fn stored(
    database: &Database,
    names: &[&str],
) -> Result<BTreeMap<String, Stored>, sqlx::Error> {
    let list: Vec<String> = (2..names.len() + 2).map(|place| format!("${place}")).collect();
    let question = format!(
        "SELECT subject, revision, writer, detail FROM estimates WHERE version = $1 AND subject IN ({})",
        list.join(", ")
    );
    let mut query = sqlx::query(&question).persistent(false).bind(VERSION);
    for name in names {
        query = query.bind(*name);
    }
    let mut stored = BTreeMap::new();
    for row in query.fetch_all(&database.pool).await? {
        let lessons = serde_json::from_str(&row.try_get::<String, _>(3)?).ok();
        stored
            .insert(row.try_get(0)?, Stored { revision: row.try_get(1)?, writer: row.try_get(2)?, lessons });
    }
    Ok(stored)
}

/// Writes these rows where nobody has written since they were read; gives the names of those.
async fn upsert(
    transaction: &mut Transaction<'static, Any>,
    rows: Vec<Value>,
) -> Result<Vec<String>, sqlx::Error> {
    let statement = format!(
        "INSERT INTO estimates (version, subject, kind, updated_ms, revision, writer, detail) VALUES {}
         ON CONFLICT (version, subject) DO UPDATE SET updated_ms = excluded.updated_ms, revision = excluded.revision,
         writer = excluded.writer, detail = excluded.detail WHERE estimates.revision = excluded.revision - 1
         RETURNING subject",
        places(rows.len() / COLUMNS, COLUMNS)
    );
    let mut query = sqlx::query(&statement).persistent(false);
    for value in rows {
        query = value.bind(query);
    }
    let written = query.fetch_all(&mut **transaction).await?;
    written.iter().map(|row| row.try_get(0)).collect()
}

/// Writes what an earlier version held in one row, for the subjects that have no row yet.
pub(super) async fn insert(
    transaction: &mut Transaction<'static, Any>,
    knowledge: &Knowledge,
) -> Result<(), sqlx::Error> {
    let named: Vec<_> =
        knowledge.iter().filter_map(|(subject, lessons)| Some((subject, name(subject)?, lessons))).collect();
    for some in named.chunks(AT_ONCE) {
        let rows: Vec<Value> =
            some.iter().flat_map(|(subject, name, lessons)| values(name, subject, 1, "", lessons)).collect();
        upsert(transaction, rows).await?;
    }
    Ok(())
}

fn values(name: &str, subject: &Subject, revision: i64, writer: &str, lessons: &Lessons) -> [Value; COLUMNS] {
    let updated = match lessons.updated().0 {
        0 => now_ms(),
        updated => updated,
    };
    [
        Value::Whole(VERSION),
        Value::text(name),
        Value::text(kind(subject)),
        Value::Whole(integer(updated)),
        Value::Whole(revision),
        Value::text(writer),
        Value::text(&serde_json::to_string(lessons).unwrap_or_default()),
    ]
}

/// What the row of a subject is called: the subject as JSON. `None` where that is too long.
fn name(subject: &Subject) -> Option<String> {
    serde_json::to_string(subject).ok().filter(|name| name.len() <= NAME_MOST)
}

fn kind(subject: &Subject) -> &'static str {
    match subject {
        Subject::Host { .. } => "host",
        Subject::Arm { .. } => "arm",
        Subject::Uses { .. } => "uses",
        Subject::Habit { .. } => "habit",
        Subject::Shape { .. } => SHAPE,
        Subject::Task { .. } => "task",
        Subject::Model { .. } => "model",
        Subject::Quality { .. } => "quality",
        Subject::Embedder => EMBEDDER,
    }
}

const SHAPE: &str = "shape";
/// It has no age: an index that was made with it stays of use.
const EMBEDDER: &str = "embedder";

/// Everything learned that is not too old, and every rating.
pub(super) async fn restore(database: &Database) -> Result<Learned, sqlx::Error> {
    let oldest_ms = integer(now_ms().saturating_sub(KEPT_MS));
    let former = former::read(database).await?;
    let mut knowledge = former.knowledge.unwrap_or_default();
    let rows = sqlx::query(
        "SELECT subject, detail FROM estimates WHERE version = $1 AND kind <> 'shape' AND (updated_ms >= $2 OR kind = 'embedder')",
    )
    .bind(VERSION)
    .bind(oldest_ms)
    .fetch_all(&database.pool)
    .await;
    let rows = match rows {
        // Who may only read finds the tables of an earlier version.
        Err(sqlx::Error::Database(_)) if former.is_whole => Vec::new(),
        rows => {
            let mut rows = rows?;
            let shapes = sqlx::query(
                "SELECT subject, detail FROM estimates WHERE version = $1 AND kind = 'shape' AND updated_ms >= $2
                 ORDER BY updated_ms DESC LIMIT $3",
            )
            .bind(VERSION)
            .bind(oldest_ms)
            .bind(SHAPES_RESTORED)
            .fetch_all(&database.pool)
            .await?;
            rows.extend(shapes);
            rows
        }
    };
    if rows.is_empty() && knowledge.is_empty() && is_of_another_version(database).await {
        say("what was learned is of another version and is left aside; learning starts anew");
    }
    for row in rows {
        let subject = serde_json::from_str(&row.try_get::<String, _>(0)?);
        let lessons = serde_json::from_str(&row.try_get::<String, _>(1)?);
        // What another version wrote in another way is left aside.
        if let (Ok(subject), Ok(lessons)) = (subject, lessons) {
            knowledge.put(subject, lessons);
        }
    }
    let (said, ratings_seen) = ratings::after(database, former.ratings_seen).await?;
    knowledge.unite(&Knowledge::default(), &said);
    Ok(Learned { knowledge, ratings_seen })
}

async fn is_of_another_version(database: &Database) -> bool {
    let found: Result<Option<i64>, sqlx::Error> =
        sqlx::query_scalar("SELECT version FROM estimates WHERE version <> $1 LIMIT 1")
            .bind(VERSION)
            .fetch_optional(&database.pool)
            .await;
    found.is_ok_and(|found| found.is_some())
}

/// Deletes estimates that nobody has updated for long, and the oldest shapes beyond a limit.
pub(super) async fn forget(database: &Database) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM estimates WHERE updated_ms < $1 AND kind <> $2")
        .bind(integer(now_ms().saturating_sub(KEPT_MS)))
        .bind(EMBEDDER)
        .execute(&database.pool)
        .await?;
    sqlx::query(
        "DELETE FROM estimates WHERE kind = $1 AND updated_ms <
         (SELECT updated_ms FROM estimates WHERE kind = $1 ORDER BY updated_ms DESC LIMIT 1 OFFSET $2)",
    )
    .bind(SHAPE)
    .bind(SHAPES_KEPT)
    .execute(&database.pool)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use smart_ai_core::{Config, Dispatcher, HostConfig, Snapshot};

    use super::*;

    /// A file for a history that no other test uses.
    fn place(name: &str) -> Place {
        let file = std::env::temp_dir().join(format!("smart-ai-{name}-{}.db", std::process::id()));
        drop(std::fs::remove_file(&file));
        Place::File(file)
    }

    fn remove(place: &Place) {
        if let Place::File(file) = place {
            drop(std::fs::remove_file(file));
        }
    }

    /// What a dispatcher of this host has learned: decode speeds, each with how many milliseconds ago it was seen.
    fn snapshot(host: &str, speeds: &[(u64, f64)]) -> Result<Snapshot, sqlx::Error> {
        let dispatcher = Dispatcher::new(Config::new(vec![HostConfig::new(host)]), 1)
            .map_err(|error| sqlx::Error::Configuration(error.to_string().into()))?;
        let mut snapshot = dispatcher.snapshot();
        for host in &mut snapshot.hosts {
            for (ago, speed) in speeds {
                host.decode_speed.observe(smart_ai_core::Millis(now_ms() - ago), *speed);
            }
        }
        Ok(snapshot)
    }

    fn learned(host: &str, speeds: &[(u64, f64)]) -> Result<Knowledge, sqlx::Error> {
        Ok(former::knowledge(&serde_json::to_string(&snapshot(host, speeds)?).unwrap_or_default())
            .unwrap_or_default())
    }

    fn weight(knowledge: &Knowledge, host: &str) -> f64 {
        let lessons = knowledge.get(&Subject::Host { host: host.into() });
        let lessons = serde_json::to_value(lessons).unwrap_or_default();
        lessons.pointer("/decode_speed/mean/weight").and_then(serde_json::Value::as_f64).unwrap_or_default()
    }

    #[tokio::test]
    async fn two_fleets_on_one_store_add_to_what_either_learned() -> Result<(), sqlx::Error> {
        let place = place("learned");
        let database = open(&place).await?;
        for (writer, host) in [("one", "a"), ("two", "b"), ("two", "a")] {
            let mut told = Told::new(learned(host, &[(0, 2.0)])?, Knowledge::default());
            keep(&database, writer, &mut told).await?;
            // Again, as after an end of the connection at the last moment.
            told.written.clear();
            keep(&database, writer, &mut told).await?;
        }
        let kept = restore(&database).await?.knowledge;
        assert!((weight(&kept, "a") - 2.0).abs() < 1e-3, "both learned of it, each once: {kept:?}");
        assert!((weight(&kept, "b") - 1.0).abs() < 1e-3, "{kept:?}");
        database.pool.close().await;
        remove(&place);
        Ok(())
    }

    #[tokio::test]
    async fn the_one_row_of_earlier_versions_is_taken_apart_once() -> Result<(), sqlx::Error> {
        let place = place("former");
        let database = open(&place).await?;
        let state = serde_json::to_string(&snapshot("a", &[(0, 2.0), (0, 3.0)])?).unwrap_or_default();
        sqlx::query(
            "INSERT INTO learned (name, at_ms, version, ratings_seen, state) VALUES ('fleet', 1, 3, 7, $1)",
        )
        .bind(state)
        .execute(&database.pool)
        .await?;
        for id in [7, 8] {
            sqlx::query("INSERT INTO ratings (id, at_ms, job, model, task, score) VALUES ($1, $2, 'j', 'm', 'code', 1.0)")
                .bind(id)
                .bind(integer(now_ms()))
                .execute(&database.pool)
                .await?;
        }
        database.pool.close().await;
        for _ in 0..2 {
            let database = open(&place).await?;
            let kept = restore(&database).await?;
            assert!((weight(&kept.knowledge, "a") - 2.0).abs() < 1e-3, "{kept:?}");
            assert_eq!(kept.ratings_seen, 8);
            let said =
                kept.knowledge.get(&Subject::Quality { model: "m".into(), task: smart_ai_core::Task::Code });
            let said = serde_json::to_value(said).unwrap_or_default();
            let good = said.pointer("/judged/judged/good").and_then(serde_json::Value::as_f64);
            assert!(
                good.is_some_and(|good| (good - 1.0).abs() < 1e-3),
                "the row included the rating before: {said}"
            );
            database.pool.close().await;
        }
        remove(&place);
        Ok(())
    }

    #[tokio::test]
    async fn what_is_old_is_forgotten_but_for_the_model_that_embeds() -> Result<(), sqlx::Error> {
        let place = place("forgotten");
        let database = open(&place).await?;
        let mut told = Told::new(learned("a", &[(KEPT_MS + 1_000, 2.0)])?, Knowledge::default());
        keep(&database, "one", &mut told).await?;
        let mut told = Told::new(learned("b", &[(KEPT_MS - 60_000, 2.0)])?, Knowledge::default());
        keep(&database, "one", &mut told).await?;
        sqlx::query("INSERT INTO estimates VALUES (1, '{\"kind\":\"embedder\"}', 'embedder', 1, 1, 'one', '{\"model\":{\"chosen\":\"m\"}}')")
            .execute(&database.pool)
            .await?;
        forget(&database).await?;
        let kept = restore(&database).await?.knowledge;
        assert_eq!(kept.iter().count(), 2, "{kept:?}");
        assert!(kept.get(&Subject::Embedder).is_some() && weight(&kept, "b") > 0.9, "{kept:?}");
        database.pool.close().await;
        remove(&place);
        Ok(())
    }
}
