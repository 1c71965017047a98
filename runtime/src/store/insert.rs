//! Rows into their tables, many with one statement: a store that is 20 ms away costs a batch a few round trips, and not some for each row.

use sqlx::{Any, Transaction};

use super::moment::integer;
use super::row::Row;

/// Values one statement may carry: `SQLite` takes 32,766, `PostgreSQL` 65,535.
const VALUES_MOST: usize = 30_000;
const JOB: [&str; 19] = [
    "job",
    "at_ms",
    "task",
    "mode",
    "shape",
    "outcome",
    "message",
    "hint",
    "model",
    "host",
    "prompt_tokens",
    "output_tokens",
    "queue_ms",
    "load_ms",
    "first_token_ms",
    "total_ms",
    "predicted_ms",
    "prompt",
    "answer",
];
const DECISION: [&str; 2] = ["job", "detail"];
const ATTEMPT: [&str; 7] = ["job", "number", "host", "model", "outcome", "detail", "ms"];

/// A value of a column.
pub(super) enum Value {
    Text(String),
    Absent,
    Whole(i64),
    Real(f64),
}

/// All of these rows with their decisions and attempts. A job that is there already stays as it is.
pub(super) async fn insert(
    transaction: &mut Transaction<'static, Any>,
    rows: &[Row],
) -> Result<(), sqlx::Error> {
    into(transaction, "jobs", JOB, rows.iter().map(job).collect()).await?;
    into(transaction, "decisions", DECISION, rows.iter().filter_map(decision).collect()).await?;
    into(transaction, "attempts", ATTEMPT, rows.iter().flat_map(attempts).collect()).await
}

fn decision(row: &Row) -> Option<[Value; 2]> {
    let detail = serde_json::to_string(row.decision.as_ref()?).ok()?;
    Some([Value::text(&row.job), Value::text(&detail)])
}

fn attempts(row: &Row) -> Vec<[Value; 7]> {
    let numbered = (1_i64..).zip(&row.attempts);
    let values = numbered.map(|(number, attempt)| {
        [
            Value::text(&row.job),
            Value::Whole(number),
            Value::text(&attempt.host),
            Value::text(&attempt.model),
            Value::text(&attempt.outcome),
            Value::text(&attempt.detail),
            Value::Real(attempt.ms),
        ]
    });
    values.collect()
}

fn job(row: &Row) -> [Value; 19] {
    let fault = row.error.as_ref();
    [
        Value::text(&row.job),
        Value::Whole(integer(row.at_ms)),
        Value::text(row.decision.as_ref().map_or("", |decision| decision.task.as_str())),
        Value::text(&row.mode),
        Value::maybe(row.shape.as_deref()),
        Value::text(fault.map_or("ok", |fault| fault.code.as_str())),
        Value::maybe(fault.map(|fault| fault.message.as_str())),
        Value::maybe(fault.map(|fault| fault.hint.as_str())),
        Value::maybe(row.model.as_deref()),
        Value::maybe(row.host.as_deref()),
        Value::Whole(row.usage.prompt_tokens.into()),
        Value::Whole(row.usage.output_tokens.into()),
        Value::Real(row.ms.queue),
        Value::Real(row.ms.load),
        Value::Real(row.ms.first_token),
        Value::Real(row.ms.total),
        Value::Real(row.predicted_ms),
        Value::maybe(row.prompt.as_deref()),
        Value::maybe(row.text.as_deref()),
    ]
}

async fn into<const COLUMNS: usize>(
    transaction: &mut Transaction<'static, Any>,
    table: &str,
    columns: [&str; COLUMNS],
    mut rows: Vec<[Value; COLUMNS]>,
) -> Result<(), sqlx::Error> {
    let columns = columns.join(", ");
    while !rows.is_empty() {
        let some: Vec<_> = rows.drain(..rows.len().min(VALUES_MOST / COLUMNS)).collect();
        let statement = format!(
            "INSERT INTO {table} ({columns}) VALUES {} ON CONFLICT DO NOTHING",
            places(some.len(), COLUMNS)
        );
        // Each number of rows is a statement of its own: none is worth keeping.
        let query = sqlx::query(&statement).persistent(false);
        let bound = some.into_iter().flatten().fold(query, |query, value| value.bind(query));
        bound.execute(&mut **transaction).await?;
    }
    Ok(())
}

/// Places for so many rows of values: `($1, $2), ($3, $4)`.
pub(super) fn places(rows: usize, columns: usize) -> String {
    let row = |row: usize| {
        let places: Vec<String> =
            (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
        format!("({})", places.join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

type Query<'q> = sqlx::query::Query<'q, Any, sqlx::any::AnyArguments<'q>>;

impl Value {
    /// `PostgreSQL` holds no NUL in a text.
    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.replace('\0', ""))
    }

    fn maybe(text: Option<&str>) -> Self {
        text.map_or(Self::Absent, Self::text)
    }

    pub(super) fn bind(self, query: Query<'_>) -> Query<'_> {
        match self {
            Self::Text(text) => query.bind(text),
            Self::Absent => query.bind(None::<String>),
            Self::Whole(number) => query.bind(number),
            Self::Real(number) => query.bind(number),
        }
    }
}
