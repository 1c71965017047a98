//! What was loaded, let go, started and stopped by itself, and why it was last.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::store::Action;

/// The outcome of an action that was only decided on.
const DRY_RUN: &str = "dry_run";

/// Actions of one kind.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Actions {
    /// `unload`, `prewarm`, `prepare`, `start` or `stop`.
    action: String,
    /// Decided on in a dry run, and not done.
    dry_run: bool,
    /// Those that were done, or would have been.
    done: usize,
    failed: usize,
    /// Gigabytes (10^9 bytes) that those done freed or took, in all.
    gb: f64,
    /// Why the last one was decided on.
    why: String,
}

/// By kind. `actions` come newest first.
pub(super) fn lifecycle(actions: &[Action]) -> Vec<Actions> {
    let mut kinds: BTreeMap<(bool, &str), Actions> = BTreeMap::new();
    for action in actions {
        let dry_run = action.outcome == DRY_RUN;
        let kind = kinds.entry((dry_run, action.what.as_str())).or_insert_with(|| Actions {
            action: action.what.clone(),
            dry_run,
            done: 0,
            failed: 0,
            gb: 0.0,
            why: action.reason.clone(),
        });
        if dry_run || action.outcome == "ok" {
            kind.done += 1;
            kind.gb += action.gb;
        } else {
            kind.failed += 1;
        }
    }
    kinds.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(what: &str, outcome: &str, gb: f64, reason: &str) -> Action {
        let owned = str::to_owned;
        Action { what: owned(what), outcome: owned(outcome), gb, reason: owned(reason), ..Action::default() }
    }

    #[test]
    fn kinds_are_counted_apart_from_dry_runs_and_failures_free_nothing() {
        let seen = lifecycle(&[
            action("unload", "ok", 4.0, "the last"),
            action("unload", "unreachable", 9.0, ""),
            action("unload", "dry_run", 2.0, "would leave"),
            action("unload", "ok", 1.5, "the first"),
        ]);
        let brief: Vec<_> = seen
            .iter()
            .map(|kind| (kind.dry_run, kind.done, kind.failed, kind.gb, kind.why.as_str()))
            .collect();
        assert_eq!(brief, [(false, 2, 1, 5.5, "the last"), (true, 1, 0, 2.0, "would leave")]);
    }
}
