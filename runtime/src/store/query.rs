//! Reading: a page of jobs, newest first.

use std::collections::HashMap;

use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::action::{self, Action};
use super::config::{HistoryConfig, Place};
use super::database::{Database, Purpose};
use super::row::{Attempt, Decided, Fault, Phases, Row, Usage};
use super::value::Query;
use super::{HistoryError, Rated, ratings};

/// Jobs completed by one question.
const AT_ONCE: usize = 500;
/// The order of the columns that `row` reads.
const COLUMNS: &str = "j.job, j.at_ms, j.task, j.mode, j.shape, j.outcome, j.message, j.hint, j.model, j.host, \
    j.prompt_tokens, j.output_tokens, j.queue_ms, j.load_ms, j.first_token_ms, j.total_ms, j.predicted_ms, \
    j.prompt, j.answer";

/// Which jobs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    /// Sent then or later, in milliseconds since 1970.
    pub(crate) since_ms: Option<i64>,
    /// Sent before.
    pub(crate) until_ms: Option<i64>,
    pub(crate) model: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) task: Option<String>,
    /// `ok`, `failed`, or an error's word.
    pub(crate) outcome: Option<String>,
    pub(crate) job: Option<String>,
    /// Only jobs older than this one.
    pub(crate) before: Option<String>,
    pub(crate) limit: u32,
}

/// A value of a condition.
enum Bound {
    Text(String),
    Number(i64),
}

/// A history opened to look at, or to rate.
#[derive(Debug)]
pub(crate) struct Reader {
    place: Place,
    database: Database,
}

impl Reader {
    /// # Errors
    /// There is no history, or it cannot be opened.
    pub(crate) async fn open(config: &HistoryConfig) -> Result<Self, HistoryError> {
        let place = config.place().map_err(HistoryError::Place)?;
        let place = place.ok_or_else(|| HistoryError::Place("is off".to_owned()))?;
        if matches!(&place, Place::File(path) if !path.exists()) {
            return Err(HistoryError::Missing { place: place.shown() });
        }
        match Database::open(&place, Purpose::Read).await {
            Ok(database) => Ok(Self { place, database }),
            Err(source) => Err(HistoryError::Store { place: place.shown(), source }),
        }
    }

    /// Jobs that match, newest first, with decision and attempts.
    ///
    /// # Errors
    /// The store refuses.
    pub(crate) async fn page(&self, filter: &Filter) -> Result<Vec<Row>, HistoryError> {
        self.said(page(&self.database, filter, true).await)
    }

    /// All that match in order of time, without the terms of decisions.
    ///
    /// # Errors
    /// The store refuses.
    pub(crate) async fn all(&self, filter: &Filter) -> Result<Vec<Row>, HistoryError> {
        let mut rows = self.said(page(&self.database, filter, false).await)?;
        rows.reverse();
        Ok(rows)
    }

    /// What was done by itself, newest first. `task` and `job` of the filter say nothing of actions.
    ///
    /// # Errors
    /// The store refuses.
    pub(crate) async fn actions(&self, filter: &Filter) -> Result<Vec<Action>, HistoryError> {
        self.said(actions(&self.database, filter).await)
    }

    /// Keeps a rating; `None` where no model answered such a job.
    ///
    /// # Errors
    /// The store refuses.
    pub(crate) async fn rate(&self, job: &str, score: f64) -> Result<Option<Rated>, HistoryError> {
        self.said(ratings::rate(&self.database, job, score).await)
    }

    fn said<T>(&self, done: Result<T, sqlx::Error>) -> Result<T, HistoryError> {
        done.map_err(|source| HistoryError::Store { place: self.place.shown(), source })
    }
}

async fn page(database: &Database, filter: &Filter, whole: bool) -> Result<Vec<Row>, sqlx::Error> {
    let (conditions, bounds) = conditions(filter);
    let limit = bounds.len() + 1;
    let jobs =
        format!("SELECT {COLUMNS} FROM jobs j {conditions} ORDER BY j.at_ms DESC, j.job DESC LIMIT ${limit}");
    let query = bounds.into_iter().fold(sqlx::query(&jobs), |query, bound| bound.bind(query));
    let found = query.bind(i64::from(filter.limit)).fetch_all(&database.pool).await?;
    let mut rows = found.iter().map(row).collect::<Result<Vec<_>, _>>()?;
    for some in rows.chunks_mut(AT_ONCE) {
        complete(database, some, whole).await?;
    }
    Ok(rows)
}

async fn actions(database: &Database, filter: &Filter) -> Result<Vec<Action>, sqlx::Error> {
    let before = filter.before.clone().map(Bound::Text);
    let older = "(at_ms, name) < (SELECT at_ms, name FROM actions WHERE name = ?)";
    let (conditions, bounds) =
        joined(common(filter, "").into_iter().chain(before.map(|bound| (older.to_owned(), bound))));
    let limit = bounds.len() + 1;
    let columns = action::COLUMNS.join(", ");
    let question =
        format!("SELECT {columns} FROM actions {conditions} ORDER BY at_ms DESC, name DESC LIMIT ${limit}");
    let query = bounds.into_iter().fold(sqlx::query(&question), |query, bound| bound.bind(query));
    match query.bind(i64::from(filter.limit)).fetch_all(&database.pool).await {
        Ok(found) => found.iter().map(Action::read).collect(),
        // The tables of an earlier version, opened by who may only read.
        Err(sqlx::Error::Database(_)) if !has_actions(database).await => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

async fn has_actions(database: &Database) -> bool {
    sqlx::query("SELECT 1 FROM actions LIMIT 1").fetch_optional(&database.pool).await.is_ok()
}

impl Bound {
    fn bind(self, query: Query<'_>) -> Query<'_> {
        match self {
            Self::Text(text) => query.bind(text),
            Self::Number(number) => query.bind(number),
        }
    }
}

/// Conditions on columns that jobs and actions share, with `?` for the value.
fn common(filter: &Filter, table: &str) -> Vec<(String, Bound)> {
    let failed = filter.outcome.as_deref() == Some("failed");
    // What a dry run would have done has not failed.
    let outcome = if failed && table.is_empty() {
        format!("{table}outcome <> 'dry_run' AND {table}outcome <> ?")
    } else if failed {
        format!("{table}outcome <> ?")
    } else {
        format!("{table}outcome = ?")
    };
    let said = if failed { Some("ok".to_owned()) } else { filter.outcome.clone() };
    let numbers = [("at_ms >= ?", filter.since_ms), ("at_ms < ?", filter.until_ms)];
    let numbers =
        numbers.into_iter().filter_map(|(of, number)| Some((format!("{table}{of}"), Bound::Number(number?))));
    let texts = [
        (format!("{table}model = ?"), filter.model.clone()),
        (format!("{table}host = ?"), filter.host.clone()),
        (outcome, said),
    ];
    numbers.chain(texts.into_iter().filter_map(|(of, text)| Some((of, Bound::Text(text?))))).collect()
}

/// All of these conditions as one clause, and their values in order.
fn joined(conditions: impl IntoIterator<Item = (String, Bound)>) -> (String, Vec<Bound>) {
    let (mut clauses, mut bounds) = (Vec::new(), Vec::new());
    for (condition, bound) in conditions {
        bounds.push(bound);
        clauses.push(condition.replace('?', &format!("${}", bounds.len())));
    }
    let clause = if clauses.is_empty() { String::new() } else { format!("WHERE {}", clauses.join(" AND ")) };
    (clause, bounds)
}

fn conditions(filter: &Filter) -> (String, Vec<Bound>) {
    let own = [
        ("j.task = ?", filter.task.clone()),
        ("j.job = ?", filter.job.clone()),
        ("(j.at_ms, j.job) < (SELECT at_ms, job FROM jobs WHERE job = ?)", filter.before.clone()),
    ];
    let own = own.into_iter().filter_map(|(of, text)| Some((of.to_owned(), Bound::Text(text?))));
    joined(common(filter, "j.").into_iter().chain(own))
}

/// Adds the attempts, and the decisions' terms where they are wanted.
async fn complete(database: &Database, rows: &mut [Row], whole: bool) -> Result<(), sqlx::Error> {
    let places: HashMap<String, usize> =
        rows.iter().enumerate().map(|(place, row)| (row.job.clone(), place)).collect();
    let jobs: Vec<String> = rows.iter().map(|row| row.job.clone()).collect();
    let list: Vec<String> = (1..=jobs.len()).map(|number| format!("${number}")).collect();
    let list = list.join(", ");
    let attempts = format!(
        "SELECT job, host, model, outcome, detail, ms FROM attempts WHERE job IN ({list}) ORDER BY job, number"
    );
    for found in of_jobs(database, &attempts, &jobs).await? {
        let place = places.get(&found.try_get::<String, _>(0)?);
        if let Some(row) = place.and_then(|place| rows.get_mut(*place)) {
            row.attempts.push(attempt(&found)?);
        }
    }
    if !whole {
        return Ok(());
    }
    let decisions = format!("SELECT job, detail FROM decisions WHERE job IN ({list})");
    for found in of_jobs(database, &decisions, &jobs).await? {
        let place = places.get(&found.try_get::<String, _>(0)?);
        let detail = serde_json::from_str(&found.try_get::<String, _>(1)?).unwrap_or_default();
        if let (Some(row), Some(decision)) =
            (place.and_then(|place| rows.get_mut(*place)), Decided::of(detail))
        {
            row.decision = Some(decision);
        }
    }
    Ok(())
}

async fn of_jobs(database: &Database, question: &str, jobs: &[String]) -> Result<Vec<AnyRow>, sqlx::Error> {
    let mut query = sqlx::query(question);
    for job in jobs {
        query = query.bind(job);
    }
    query.fetch_all(&database.pool).await
}

fn attempt(found: &AnyRow) -> Result<Attempt, sqlx::Error> {
    Ok(Attempt {
        host: found.try_get(1)?,
        model: found.try_get(2)?,
        outcome: found.try_get(3)?,
        detail: found.try_get(4)?,
        ms: found.try_get(5)?,
    })
}

fn row(found: &AnyRow) -> Result<Row, sqlx::Error> {
    let count = |place: usize| found.try_get::<i64, _>(place);
    let outcome: String = found.try_get(5)?;
    let ok = outcome == "ok";
    let message: Option<String> = found.try_get(6)?;
    let hint: Option<String> = found.try_get(7)?;
    let error = (!ok).then(|| Fault {
        code: outcome,
        message: message.unwrap_or_default(),
        hint: hint.unwrap_or_default(),
    });
    Ok(Row {
        job: found.try_get(0)?,
        at_ms: u64::try_from(count(1)?).unwrap_or(0),
        ok,
        error,
        decision: Some(Decided { task: found.try_get(2)?, ..Decided::default() }),
        mode: found.try_get(3)?,
        shape: found.try_get(4)?,
        model: found.try_get(8)?,
        host: found.try_get(9)?,
        attempts: Vec::new(),
        usage: Usage {
            prompt_tokens: u32::try_from(count(10)?).unwrap_or(u32::MAX),
            output_tokens: u32::try_from(count(11)?).unwrap_or(u32::MAX),
        },
        ms: Phases {
            queue: found.try_get(12)?,
            load: found.try_get(13)?,
            first_token: found.try_get(14)?,
            total: found.try_get(15)?,
        },
        predicted_ms: found.try_get(16)?,
        prompt: found.try_get(17)?,
        text: found.try_get(18)?,
    })
}
