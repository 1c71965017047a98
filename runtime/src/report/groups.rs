//! Latency and success of jobs that have something in common.

use std::collections::BTreeMap;

use serde::Serialize;

use super::rows::Row;
use super::spread::quantile;

/// Jobs of one kind.
#[derive(Debug, Serialize)]
pub(super) struct Group {
    name: String,
    pub(super) jobs: usize,
    pub(super) answered: usize,
    /// Seconds within which half of the answers were done.
    p50_s: f64,
    /// Seconds within which 95 % of the answers were done.
    p95_s: f64,
    /// Seconds within which half of the answers began.
    first_p50_s: f64,
    output_tokens: u64,
}

impl Group {
    pub(super) fn of(name: &str, rows: &[&Row]) -> Self {
        let answered = || rows.iter().filter(|row| row.ok);
        let mut totals: Vec<f64> = answered().map(|row| row.ms.total / 1e3).collect();
        let mut firsts: Vec<f64> = answered().map(|row| row.ms.first_token / 1e3).collect();
        Self {
            name: name.to_owned(),
            jobs: rows.len(),
            answered: totals.len(),
            p50_s: quantile(&mut totals, 0.5),
            p95_s: quantile(&mut totals, 0.95),
            first_p50_s: quantile(&mut firsts, 0.5),
            output_tokens: rows.iter().map(|row| u64::from(row.usage.output_tokens)).sum(),
        }
    }
}

/// Groups by name, the largest first; rows without a name are in none.
pub(super) fn groups(rows: &[Row], name: impl Fn(&Row) -> Option<String>) -> Vec<Group> {
    alike(rows, name).iter().map(|(name, rows)| Group::of(name, rows)).collect()
}

/// The rows of each name, the largest group first, each in the order of the rows.
pub(super) fn alike(rows: &[Row], name: impl Fn(&Row) -> Option<String>) -> Vec<(String, Vec<&Row>)> {
    let mut by_name: BTreeMap<String, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        if let Some(name) = name(row) {
            by_name.entry(name).or_default().push(row);
        }
    }
    let mut groups: Vec<_> = by_name.into_iter().collect();
    groups.sort_by_key(|(_, rows)| std::cmp::Reverse(rows.len()));
    groups
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::answered;
    use super::*;

    #[test]
    fn failed_jobs_count_but_have_no_latency() {
        let failed = Row { ok: false, ..answered(3, 100.0) };
        let rows = [answered(1, 1.0), answered(2, 3.0), failed];
        let groups = groups(&rows, |row| row.model.clone());
        let seen: Vec<(usize, usize, bool)> =
            groups.iter().map(|group| (group.jobs, group.answered, group.p95_s < 4.0)).collect();
        assert_eq!(seen, [(3, 2, true)]);
    }
}
