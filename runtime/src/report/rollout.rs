//! Gradual rollouts: what the dispatcher's choice was expected to save beside the model that callers name, and what it saved.

use std::collections::BTreeSet;

use serde::Serialize;

use super::groups::alike;
use super::rows::Row;
use super::spread::mean;

/// Jobs in a rollout. Savings are shares of the named models' time; less than zero where the choice takes longer.
#[derive(Debug, Serialize)]
pub(super) struct Rollout {
    jobs: usize,
    /// Those for which the dispatcher chose.
    switched: usize,
    /// Expected saving of its choice.
    expected: f64,
    /// What it saved, among jobs of one shape of which both sides answered some.
    saved: Option<f64>,
    /// What was named: model and host as far as either was forecast.
    named: Vec<String>,
}

/// Absent where no job was in a rollout.
pub(super) fn rollout(rows: &[Row]) -> Option<Rollout> {
    let compared = || rows.iter().filter_map(|row| row.decision.as_ref()?.comparison.as_ref());
    let jobs = compared().count();
    let both = || compared().filter_map(|both| both.named.as_ref().zip(both.chosen.as_ref()));
    let whole: f64 = both().map(|(named, _)| named.predicted_ms).sum();
    let gained: f64 = both().map(|(named, chosen)| named.predicted_ms - chosen.predicted_ms).sum();
    let named: BTreeSet<String> =
        both().map(|(named, _)| format!("{} on {}", named.model.as_str(), named.host.as_str())).collect();
    (jobs > 0).then(|| Rollout {
        jobs,
        switched: compared().filter(|both| both.switched).count(),
        expected: gained / whole.max(f64::MIN_POSITIVE),
        saved: saved(rows),
        named: named.into_iter().collect(),
    })
}

/// By shape, so that short jobs on one side are not compared with long ones on the other.
fn saved(rows: &[Row]) -> Option<f64> {
    let side = |row: &Row| Some(row.decision.as_ref()?.comparison.as_ref()?.switched);
    let in_rollout = |row: &Row| side(row).map(|_| row.shape.clone().unwrap_or_default());
    let (mut named_ms, mut saved_ms) = (0.0, 0.0);
    for (_, rows) in alike(rows, in_rollout) {
        let taken = |switched: bool| -> Vec<f64> {
            let answered = rows.iter().filter(|row| row.ok && side(row) == Some(switched));
            answered.map(|row| row.ms.total).collect()
        };
        let (named, chosen) = (taken(false), taken(true));
        if !named.is_empty() && !chosen.is_empty() {
            let jobs = (named.len() + chosen.len()) as f64;
            named_ms += mean(&named) * jobs;
            saved_ms += (mean(&named) - mean(&chosen)) * jobs;
        }
    }
    (named_ms > 0.0).then(|| saved_ms / named_ms)
}

#[cfg(test)]
mod tests {
    use smart_ai_core::{Comparison, Forecast};

    use super::super::rows::tests::answered;
    use super::*;
    use crate::store::Decided;

    fn row(at_s: u64, shape: &str, seconds: f64, switched: bool) -> Row {
        let forecast = |model: &str, predicted_ms| {
            Some(Forecast { host: "nas".into(), model: model.into(), predicted_ms })
        };
        let comparison = Comparison {
            switched,
            named: forecast("large:7b", 1000.0),
            chosen: forecast("small:1b", 400.0),
            gain_ms: 600.0,
        };
        let decided = Decided { comparison: Some(comparison), ..Decided::default() };
        Row { shape: Some(shape.to_owned()), decision: Some(decided), ..answered(at_s, seconds) }
    }

    #[test]
    fn sides_are_compared_within_a_shape_and_only_where_both_answered() {
        assert!(rollout(&[answered(1, 1.0)]).is_none());
        let shadow = rollout(&[row(1, "a", 1.0, false)]);
        assert!(shadow.is_some_and(|shadow| shadow.switched == 0 && shadow.saved.is_none()));
        // Long jobs that only one side had, and one that failed, count for neither.
        let failed = Row { ok: false, ..row(5, "a", 90.0, true) };
        let rows = [
            row(1, "a", 1.0, false),
            row(2, "a", 0.5, true),
            row(3, "long", 60.0, true),
            failed,
            row(6, "b", 2.0, false),
            row(7, "b", 2.0, true),
            answered(4, 9.0),
        ];
        let seen = rollout(&rows).map(|seen| {
            let share = |part: f64| (part * 100.0).round() as i64;
            (seen.jobs, seen.switched, share(seen.expected), seen.saved.map(share), seen.named.join(", "))
        });
        assert_eq!(seen, Some((6, 4, 60, Some(17), "large:7b on nas".to_owned())));
    }
}
