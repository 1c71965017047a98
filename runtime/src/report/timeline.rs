//! Latency and success over time, in slices of equal length.

use serde::Serialize;

use super::groups::Group;
use super::rows::Row;

/// Slices of a timeline at most.
const SLICES: u64 = 60;

/// Jobs that were sent within a slice of time.
#[derive(Debug, Serialize)]
pub(super) struct Slice {
    /// Its middle, in milliseconds since 1970.
    at_ms: u64,
    #[serde(flatten)]
    jobs: Group,
}

/// Slices in which jobs were sent.
pub(super) fn timeline(rows: &[Row]) -> Vec<Slice> {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Vec::new() };
    let length = ((last.at_ms - first.at_ms) / SLICES + 1).max(1000);
    rows.chunk_by(|one, next| (one.at_ms - first.at_ms) / length == (next.at_ms - first.at_ms) / length)
        .filter_map(|slice| {
            let number = (slice.first()?.at_ms - first.at_ms) / length;
            let at_ms = first.at_ms + number * length + length / 2;
            Some(Slice { at_ms, jobs: Group::of("", &slice.iter().collect::<Vec<_>>()) })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::answered;
    use super::*;

    #[test]
    fn every_job_is_in_one_slice() {
        let rows: Vec<Row> = (0..500).map(|number| answered(number * number, 1.0)).collect();
        let slices = timeline(&rows);
        assert!(slices.len() <= 61);
        assert_eq!(slices.iter().map(|slice| slice.jobs.jobs).sum::<usize>(), 500);
        assert!(slices.is_sorted_by(|one, next| one.at_ms < next.at_ms));
    }
}
