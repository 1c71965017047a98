//! Jobs whose first call failed: what was saved by calling another arm.

use std::collections::BTreeMap;

use serde::Serialize;

use super::rows::Row;
use super::spread::mean;

/// What fallbacks were worth.
#[derive(Debug, Serialize)]
pub(super) struct Fallbacks {
    /// Jobs answered by a later call.
    saved: usize,
    /// Seconds that the failed calls of these jobs took, on average.
    mean_delay_s: f64,
    /// By the word of the first failure.
    causes: Vec<Cause>,
}

#[derive(Debug, Serialize)]
struct Cause {
    word: String,
    /// Jobs whose first call ended so.
    jobs: usize,
    /// Those of them that were answered all the same.
    saved: usize,
}

pub(super) fn fallbacks(rows: &[Row]) -> Fallbacks {
    let mut causes: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut delays = Vec::new();
    for row in rows {
        let failed = row.attempts.iter().filter(|call| !matches!(call.outcome.as_str(), "ok" | "cancelled"));
        let Some(first) = failed.clone().next() else { continue };
        let (jobs, saved) = causes.entry(first.outcome.as_str()).or_default();
        *jobs += 1;
        if row.ok {
            *saved += 1;
            delays.push(failed.map(|call| call.ms / 1e3).sum());
        }
    }
    let causes = causes.into_iter().map(|(word, (jobs, saved))| Cause { word: word.to_owned(), jobs, saved });
    Fallbacks { saved: delays.len(), mean_delay_s: mean(&delays), causes: causes.collect() }
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::answered;
    use super::*;
    use crate::store::Attempt;

    #[test]
    fn a_job_is_saved_when_a_later_call_answers_it() {
        let call = |outcome: &str| Attempt { outcome: outcome.to_owned(), ms: 500.0, ..Attempt::default() };
        let saved = Row { attempts: vec![call("busy"), call("ok")], ..answered(1, 2.0) };
        let lost = Row { ok: false, attempts: vec![call("busy"), call("busy")], ..answered(2, 2.0) };
        let seen = fallbacks(&[saved, lost, answered(3, 1.0)]);
        assert_eq!((seen.saved, seen.mean_delay_s.to_string().as_str()), (1, "0.5"));
        let causes: Vec<(&str, usize, usize)> =
            seen.causes.iter().map(|cause| (cause.word.as_str(), cause.jobs, cause.saved)).collect();
        assert_eq!(causes, [("busy", 2, 1)]);
    }
}
