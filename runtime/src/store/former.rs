//! The one row in which earlier versions kept all that was learned: read, and taken apart into a row for each subject.

use smart_ai_core::{Config, Dispatcher, HostConfig, Knowledge, Snapshot, json};
use sqlx::Row as _;

use super::database::Database;
use super::say;

/// What the row of an earlier version says.
#[derive(Debug, Default)]
pub(super) struct Former {
    /// Absent where it has been taken apart, or cannot be read.
    pub(super) knowledge: Option<Knowledge>,
    /// Whether it has not been taken apart.
    pub(super) is_whole: bool,
    /// The last rating that it includes.
    pub(super) ratings_seen: i64,
}

pub(super) async fn read(database: &Database) -> Result<Former, sqlx::Error> {
    let row = sqlx::query("SELECT ratings_seen, state FROM learned WHERE name = 'fleet'")
        .fetch_optional(&database.pool)
        .await?;
    let Some(row) = row else { return Ok(Former { is_whole: true, ..Former::default() }) };
    let state: String = row.try_get(1)?;
    let knowledge = knowledge(&state);
    let is_whole = !state.is_empty();
    // What cannot be read includes no rating.
    let seen = if is_whole && knowledge.is_none() { 0 } else { row.try_get(0)? };
    Ok(Former { knowledge, is_whole, ratings_seen: seen })
}

/// What a snapshot as JSON has learned.
pub(super) fn knowledge(state: &str) -> Option<Knowledge> {
    if state.is_empty() {
        return None;
    }
    let snapshot: Snapshot = json::from_str(state)
        .map_err(|refusal| {
            say(&format!(
                "what was learned is of another version and is not restored ({refusal}); learning starts anew"
            ));
        })
        .ok()?;
    let hosts = snapshot.hosts.iter().map(|host| HostConfig::new(host.host.clone())).collect();
    Some(Dispatcher::restore(Config::new(hosts), 0, &snapshot).ok()?.knowledge())
}
