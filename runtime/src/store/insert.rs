//! Rows into their tables, many with one statement: a store that is 20 ms away costs a batch a few round trips, and not some for each row.

use sqlx::{Any, Transaction};

use super::action::{self, Action};
use super::moment::integer;
use super::row::{Kept, Row};
use super::value::{Value, places};

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

/// All of these rows; jobs with their decisions and attempts. What is there already stays as it is.
pub(super) async fn insert(
    transaction: &mut Transaction<'static, Any>,
    kept: &[Kept],
) -> Result<(), sqlx::Error> {
    let jobs = || kept.iter().filter_map(Kept::job);
    into(transaction, "jobs", JOB, jobs().map(job).collect()).await?;
    into(transaction, "decisions", DECISION, jobs().filter_map(decision).collect()).await?;
    into(transaction, "attempts", ATTEMPT, jobs().flat_map(attempts).collect()).await?;
    let actions = kept.iter().filter_map(Kept::action).map(Action::values);
    into(transaction, "actions", action::COLUMNS, actions.collect()).await
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
