//! What past jobs show, as one page to look at: `smart-ai report`.
//!
//! Rows come from the history. Everything drawn is computed here; the page only draws.

mod calibration;
mod fallbacks;
mod fit;
mod groups;
mod html;
mod replay;
mod rows;
mod spread;
mod timeline;

use serde::Serialize;

pub(crate) use html::page;
pub(crate) use rows::{Row, read_rows};

/// Everything the page draws.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// When the first job was sent, in milliseconds since 1970.
    from_ms: u64,
    /// When the last job was sent.
    to_ms: u64,
    /// All jobs.
    all: groups::Group,
    /// By model and host.
    arms: Vec<groups::Group>,
    /// By kind of work.
    tasks: Vec<groups::Group>,
    timeline: Vec<timeline::Slice>,
    calibration: calibration::Calibration,
    fallbacks: fallbacks::Fallbacks,
    /// Absent where it was not asked for, or where too little is known.
    replay: Option<replay::Replay>,
}

/// Looks at jobs in order of time. `replayed`: play them again with other policies.
pub(crate) fn report(rows: &[Row], replayed: bool) -> Report {
    let arm = |row: &Row| Some(format!("{} on {}", row.model.as_ref()?, row.host.as_ref()?));
    let task = |row: &Row| Some(row.decision.as_ref()?.task.clone());
    Report {
        from_ms: rows.first().map_or(0, |row| row.at_ms),
        to_ms: rows.last().map_or(0, |row| row.at_ms),
        all: groups::Group::of("all", &rows.iter().collect::<Vec<_>>()),
        arms: groups::groups(rows, arm),
        tasks: groups::groups(rows, task),
        timeline: timeline::timeline(rows),
        calibration: calibration::calibration(rows),
        fallbacks: fallbacks::fallbacks(rows),
        replay: if replayed { replay::replay(rows) } else { None },
    }
}
