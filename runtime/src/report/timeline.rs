//! Latency and success over time, in slices of equal length.

use serde::Serialize;

use super::groups::{Group, alike};
use super::rows::Row;

/// The most slices of a timeline.
const SLICES: u64 = 60;
/// The most slices where several timelines are drawn below each other.
const SLICES_OF_MANY: u64 = 30;
/// The most timelines that are drawn below each other.
const COURSES: usize = 6;

/// Jobs that were sent within a slice of time.
#[derive(Debug, Serialize)]
pub(super) struct Slice {
    /// Its middle, in milliseconds since 1970.
    at_ms: u64,
    #[serde(flatten)]
    jobs: Group,
}

/// Jobs that have something in common, over time.
#[derive(Debug, Serialize)]
pub(super) struct Course {
    name: String,
    slices: Vec<Slice>,
}

/// Slices in which jobs were sent.
pub(super) fn timeline(rows: &[Row]) -> Vec<Slice> {
    Slicing::of(rows, SLICES).map_or_else(Vec::new, |slicing| slicing.cut(&rows.iter().collect::<Vec<_>>()))
}

/// The largest groups, each in the same slices of the time of all jobs.
pub(super) fn courses(rows: &[Row], name: impl Fn(&Row) -> Option<String>) -> Vec<Course> {
    let Some(slicing) = Slicing::of(rows, SLICES_OF_MANY) else { return Vec::new() };
    let groups = alike(rows, name).into_iter().take(COURSES);
    groups.map(|(name, rows)| Course { name, slices: slicing.cut(&rows) }).collect()
}

/// A span of time in slices.
struct Slicing {
    first_ms: u64,
    length_ms: u64,
}

impl Slicing {
    /// The time of all these jobs.
    fn of(rows: &[Row], slices: u64) -> Option<Self> {
        let (first, last) = (rows.first()?, rows.last()?);
        Some(Self { first_ms: first.at_ms, length_ms: ((last.at_ms - first.at_ms) / slices + 1).max(1000) })
    }

    fn cut(&self, rows: &[&Row]) -> Vec<Slice> {
        let number = |row: &Row| (row.at_ms - self.first_ms) / self.length_ms;
        rows.chunk_by(|one, next| number(one) == number(next))
            .filter_map(|slice| {
                let at_ms = self.first_ms + number(slice.first()?) * self.length_ms + self.length_ms / 2;
                Some(Slice { at_ms, jobs: Group::of("", slice) })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::answered;
    use super::*;

    fn jobs(slices: &[Slice]) -> usize {
        slices.iter().map(|slice| slice.jobs.jobs).sum()
    }

    #[test]
    fn every_job_is_in_one_slice() {
        let rows: Vec<Row> = (0..500).map(|number| answered(number * number, 1.0)).collect();
        let slices = timeline(&rows);
        assert!(slices.len() <= 61);
        assert_eq!(jobs(&slices), 500);
        assert!(slices.is_sorted_by(|one, next| one.at_ms < next.at_ms));
    }

    #[test]
    fn the_largest_groups_have_a_course_each_in_slices_of_the_same_times() {
        let rows: Vec<Row> = (0..200).map(|number| answered(number * 60, 1.0)).collect();
        let name = |row: &Row| Some((row.at_ms / 60_000 % 10).min(7).to_string());
        let courses = courses(&rows, name);
        let seen: Vec<(&str, usize)> =
            courses.iter().map(|course| (course.name.as_str(), jobs(&course.slices))).collect();
        assert_eq!(seen, [("7", 60), ("0", 20), ("1", 20), ("2", 20), ("3", 20), ("4", 20)]);
        let times = courses.iter().flat_map(|course| course.slices.iter().map(|slice| slice.at_ms));
        let apart: std::collections::BTreeSet<u64> = times.collect();
        assert!(apart.len() <= 31, "slices that lie beside each other: {apart:?}");
    }
}
