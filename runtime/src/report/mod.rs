//! What past jobs show, as one page to look at: `smart-ai report`.
//!
//! Rows come from the history. Everything drawn is computed here; the page only draws.

mod calibration;
mod fallbacks;
mod fit;
mod groups;
mod html;
mod lifecycle;
mod replay;
mod rollout;
mod rows;
mod spread;
mod timeline;

use serde::Serialize;

pub(crate) use html::page;
pub(crate) use rows::{Row, read_rows};

use crate::store::Action;

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
    /// A timeline for each of the models with most jobs.
    model_courses: Vec<timeline::Course>,
    /// A timeline for each of the tasks with most jobs.
    task_courses: Vec<timeline::Course>,
    calibration: calibration::Calibration,
    fallbacks: fallbacks::Fallbacks,
    /// Absent where no job was in a rollout.
    rollout: Option<rollout::Rollout>,
    /// What was done by itself, by kind.
    lifecycle: Vec<lifecycle::Actions>,
    /// Absent where it was not asked for, or where too little is known.
    replay: Option<replay::Replay>,
}

/// Looks at jobs in order of time, and at what was done by itself, newest first. `replayed`: play the jobs again with other
/// policies.
pub(crate) fn report(rows: &[Row], actions: &[Action], replayed: bool) -> Report {
    let arm = |row: &Row| arm(row).map(|(model, host)| format!("{model} on {host}"));
    let model = |row: &Row| self::arm(row).map(|(model, _)| model.to_owned());
    let task = |row: &Row| Some(row.decision.as_ref()?.task.clone());
    Report {
        from_ms: rows.first().map_or(0, |row| row.at_ms),
        to_ms: rows.last().map_or(0, |row| row.at_ms),
        all: groups::Group::of("all", &rows.iter().collect::<Vec<_>>()),
        arms: groups::groups(rows, arm),
        tasks: groups::groups(rows, task),
        timeline: timeline::timeline(rows),
        model_courses: timeline::courses(rows, model),
        task_courses: timeline::courses(rows, task),
        calibration: calibration::calibration(rows),
        fallbacks: fallbacks::fallbacks(rows),
        rollout: rollout::rollout(rows),
        lifecycle: lifecycle::lifecycle(actions),
        replay: if replayed { replay::replay(rows) } else { None },
    }
}

/// Model and host that answered; of a job that nobody answered, those that were called last.
fn arm(row: &Row) -> Option<(&str, &str)> {
    let called = row.attempts.last().map(|call| (call.model.as_str(), call.host.as_str()));
    row.model.as_deref().zip(row.host.as_deref()).or(called.filter(|(model, _)| !model.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::rows::tests::answered;
    use super::*;
    use crate::store::Attempt;

    #[test]
    fn a_job_that_failed_counts_against_who_was_called_last() {
        let call = |host: &str| Attempt {
            host: host.to_owned(),
            model: "small:1b".to_owned(),
            outcome: "busy".to_owned(),
            ..Attempt::default()
        };
        let failed = Row {
            ok: false,
            model: None,
            host: None,
            attempts: vec![call("pc"), call("nas")],
            ..answered(1, 1.0)
        };
        let never_called = Row { attempts: Vec::new(), ..failed.clone() };
        let report = report(&[failed, never_called, answered(2, 1.0)], &[], false);
        let seen: Vec<(usize, usize)> = report.arms.iter().map(|arm| (arm.jobs, arm.answered)).collect();
        assert_eq!(seen, [(1, 0), (1, 1)]);
        assert_eq!((report.all.jobs, report.model_courses.len()), (3, 1));
    }
}
