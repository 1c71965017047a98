//! What other ways of choosing would have cost: the jobs played again in the simulator.

use serde::Serialize;
use smart_ai_sim::virtual_time::{Competition, Measures, Policy, Scenario, compete};

use super::fit::{fit, gigabytes};
use super::rows::Row;
use super::spread::mean;

const POLICIES: [&str; 3] = ["smart", "static", "least-connections"];
const SEEDS: [u64; 2] = [0, 1];

/// The jobs of the history and the same played again.
#[derive(Debug, Serialize)]
pub(super) struct Replay {
    /// Mean seconds of the jobs as they really went.
    actual_mean_s: f64,
    policies: Vec<Measures>,
    /// Gigabytes times hours if every model that was used had stayed in the memory of every host that used it.
    always_gb_hours: f64,
    /// Gigabytes times hours in which these models answered: what is in memory beyond that lies idle.
    busy_gb_hours: f64,
    /// What the jobs were played on.
    scenario: Scenario,
}

/// None where the rows tell too little.
pub(super) fn replay(rows: &[Row]) -> Option<Replay> {
    let scenario = fit(rows)?;
    let policies =
        POLICIES.iter().filter_map(|name| Some(((*name).to_owned(), Policy::named(name)?))).collect();
    let competition = Competition { scenario: scenario.clone(), policies, seeds: SEEDS.to_vec() };
    let played = compete(&competition, &|_, _| {});
    let hours = scenario.requests as f64 / scenario.arrivals.per_s / 3600.0;
    let all_gb: f64 = scenario.models.iter().map(|model| model.gb).sum();
    let actual: Vec<f64> = rows.iter().filter(|row| row.ok).map(|row| row.ms.total / 1e3).collect();
    Some(Replay {
        actual_mean_s: mean(&actual),
        policies: played.policies,
        always_gb_hours: all_gb * scenario.hosts.len() as f64 * hours,
        busy_gb_hours: busy_gb_hours(rows) * scenario.requests as f64 / rows.len() as f64,
        scenario,
    })
}

fn busy_gb_hours(rows: &[Row]) -> f64 {
    let of = |row: &Row| {
        let answering_ms = (row.ms.total - row.ms.queue).max(0.0);
        row.model.as_deref().map_or(0.0, gigabytes) * answering_ms / 3.6e6
    };
    rows.iter().filter(|row| row.ok).map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::answered;
    use super::*;

    #[test]
    fn memory_is_busy_while_it_answers() {
        let waited = |queue| {
            let mut row = answered(1, 3600.0);
            row.ms.queue = queue;
            row
        };
        let hours = busy_gb_hours(&[waited(0.0), waited(1.8e6), Row { ok: false, ..waited(0.0) }]);
        assert!((hours - 1.5 * gigabytes("small:1b")).abs() < 1e-9, "{hours}");
    }
}
