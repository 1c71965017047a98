//! A scenario for the simulator that is like the jobs of a history: their hosts, models, sizes and arrivals.

use std::collections::{BTreeMap, BTreeSet};

use smart_ai_sim::virtual_time::{Arrivals, Class, Host, Model, Scenario, Tokens};

use super::rows::Row;
use super::spread::{log_sigma, mean, median, variation};

/// The fewest jobs from which a scenario is fitted.
const FEWEST_JOBS: usize = 20;
/// Requests of a replay at most.
const MOST_REQUESTS: usize = 400;
/// Milliseconds below which a load counts as none: the model was in memory.
const LOAD_MS: f64 = 250.0;
/// Gigabytes of a quantized model for each billion of its parameters.
const GB_PER_BILLION: f64 = 0.65;
/// Gigabytes of a model whose tag tells no size.
const UNKNOWN_GB: f64 = 4.0;
/// Seconds of a load that no disk can save.
const LOAD_BASE_S: f64 = 0.5;
const USUAL_DISK_GB_PER_S: f64 = 1.0;

/// Measured rates of one model on one host.
#[derive(Default)]
struct Rates {
    prefill: Vec<f64>,
    decode: Vec<f64>,
    loads_s: Vec<f64>,
}

/// The scenario, or none where the rows tell too little.
pub(super) fn fit(rows: &[Row]) -> Option<Scenario> {
    let jobs: Vec<&Row> = rows.iter().filter(|row| row.ok && row.usage.output_tokens > 0).collect();
    if jobs.len() < FEWEST_JOBS {
        return None;
    }
    let rates = rates(&jobs);
    let models = models(&rates);
    Some(Scenario {
        name: "replay".to_owned(),
        hosts: hosts(&rates, &models),
        classes: classes(&jobs),
        arrivals: arrivals(rows),
        days: 0.0,
        patterns: Vec::new(),
        requests: rows.len().min(MOST_REQUESTS),
        noise_sigma: noise(&rates),
        speed_changes: Vec::new(),
        faults: Vec::new(),
        foreign_loads: Vec::new(),
        joins: Vec::new(),
        metrics: false,
        blind: Vec::new(),
        models,
    })
}

/// Gigabytes of a model by its tag, such as `gemma3:4b` or `smollm2:135m`.
pub(super) fn gigabytes(tag: &str) -> f64 {
    let words = tag.split([':', '-', '_', '/']);
    let billions = words.filter_map(|word| {
        let (number, unit) = word.split_at_checked(word.len().checked_sub(1)?)?;
        let number: f64 = number.parse().ok()?;
        match unit {
            "b" | "B" => Some(number),
            "m" | "M" => Some(number / 1e3),
            _ => None,
        }
    });
    billions.max_by(f64::total_cmp).map_or(UNKNOWN_GB, |billions| (billions * GB_PER_BILLION).max(0.05))
}

fn rates<'a>(jobs: &[&'a Row]) -> BTreeMap<(&'a str, &'a str), Rates> {
    let mut rates: BTreeMap<(&str, &str), Rates> = BTreeMap::new();
    for row in jobs {
        let (Some(host), Some(model)) = (&row.host, &row.model) else { continue };
        let of_arm = rates.entry((host, model)).or_default();
        let reading_s = (row.ms.first_token - row.ms.queue - row.ms.load) / 1e3;
        let writing_s = (row.ms.total - row.ms.first_token) / 1e3;
        if reading_s > 0.0 && row.usage.prompt_tokens > 0 {
            of_arm.prefill.push(f64::from(row.usage.prompt_tokens) / reading_s);
        }
        if writing_s > 0.0 && row.usage.output_tokens > 1 {
            of_arm.decode.push(f64::from(row.usage.output_tokens - 1) / writing_s);
        }
        if row.ms.load > LOAD_MS {
            of_arm.loads_s.push(row.ms.load / 1e3);
        }
    }
    rates
}

/// Rates as on the host where each model is fastest, which has speed 1 for it.
fn models(rates: &BTreeMap<(&str, &str), Rates>) -> Vec<Model> {
    let names: BTreeSet<&str> = rates.keys().map(|(_, model)| *model).collect();
    let best = |name: &str, of: fn(&Rates) -> &Vec<f64>| {
        let medians = rates.iter().filter(|((_, model), _)| *model == name);
        medians.map(|(_, rates)| median(&mut of(rates).clone())).fold(1.0, f64::max)
    };
    names
        .into_iter()
        .map(|name| Model {
            id: name.to_owned(),
            gb: gigabytes(name),
            prefill_tok_per_s: best(name, |rates| &rates.prefill),
            decode_tok_per_s: best(name, |rates| &rates.decode),
        })
        .collect()
}

fn hosts(rates: &BTreeMap<(&str, &str), Rates>, models: &[Model]) -> Vec<Host> {
    let names: BTreeSet<&str> = rates.keys().map(|(host, _)| *host).collect();
    let on = |name: &str| -> Vec<(&Model, &Rates)> {
        let arms = rates.iter().filter(|((host, _), _)| *host == name);
        arms.filter_map(|((_, model), rates)| Some((models.iter().find(|known| known.id == *model)?, rates)))
            .collect()
    };
    names
        .into_iter()
        .map(|name| {
            let arms = on(name);
            let mut speeds: Vec<f64> = arms
                .iter()
                .filter(|(_, rates)| !rates.decode.is_empty())
                .map(|(model, rates)| median(&mut rates.decode.clone()) / model.decode_tok_per_s)
                .collect();
            let mut disks: Vec<f64> = arms
                .iter()
                .flat_map(|(model, rates)| {
                    rates.loads_s.iter().map(|load_s| model.gb / (load_s - LOAD_BASE_S).max(0.05))
                })
                .collect();
            let speed = if speeds.is_empty() { 1.0 } else { median(&mut speeds) };
            let disk = if disks.is_empty() { USUAL_DISK_GB_PER_S } else { median(&mut disks) };
            Host {
                id: name.to_owned(),
                speed: speed.clamp(0.01, 100.0),
                memory_gb: memory_gb(&arms),
                disk_gb_per_s: disk.clamp(0.01, 100.0),
                sharing: 1.0,
                parallel: 1,
                max_loaded: 3,
                gpu: false,
                start_s: None,
                idle_memory_gb: 0.0,
            }
        })
        .collect()
}

/// Where models were loaded again and again, all of them did not fit: then as much as the largest takes.
fn memory_gb(arms: &[(&Model, &Rates)]) -> f64 {
    let loads: usize = arms.iter().map(|(_, rates)| rates.loads_s.len()).sum();
    let all: f64 = arms.iter().map(|(model, _)| model.gb).sum();
    let largest = arms.iter().map(|(model, _)| model.gb).fold(0.0, f64::max);
    let fits = if loads > 2 * arms.len() { largest } else { all };
    (fits * 1.2).max(0.1)
}

/// Jobs of one kind of work that one model answered. Whether another would have done as well, the history does not tell, so
/// every job keeps its model, and only the host is chosen anew.
fn classes(jobs: &[&Row]) -> Vec<Class> {
    let mut by_kind: BTreeMap<(&str, &str), Vec<&Row>> = BTreeMap::new();
    for row in jobs {
        let task = row.decision.as_ref().map_or("general", |decision| &decision.task);
        if let Some(model) = &row.model {
            by_kind.entry((task, model)).or_default().push(row);
        }
    }
    by_kind
        .into_iter()
        .map(|((task, model), rows)| {
            let size = |of: fn(&Row) -> u32| tokens(rows.iter().map(|row| f64::from(of(row))).collect());
            Class {
                id: format!("{task} by {model}"),
                share: rows.len() as f64,
                models: vec![model.to_owned()],
                prompt_tokens: size(|row| row.usage.prompt_tokens),
                output_tokens: size(|row| row.usage.output_tokens),
                known: true,
            }
        })
        .collect()
}

fn tokens(counts: Vec<f64>) -> Tokens {
    let mut counts: Vec<f64> = counts.into_iter().map(|count| count.max(1.0)).collect();
    let most = counts.iter().copied().fold(1.0, f64::max);
    let sigma = log_sigma(&counts).min(3.0);
    let median = median(&mut counts);
    Tokens { median, sigma, max: most.max(median) }
}

fn arrivals(rows: &[Row]) -> Arrivals {
    let gaps: Vec<f64> = rows
        .iter()
        .zip(rows.iter().skip(1))
        .map(|(one, next)| (next.at_ms - one.at_ms) as f64 / 1e3)
        .collect();
    Arrivals { per_s: 1.0 / mean(&gaps).clamp(1e-3, 1e5), cv: variation(&gaps).clamp(0.05, 10.0), batch: 1 }
}

/// How much the speed of one arm varies from answer to answer.
fn noise(rates: &BTreeMap<(&str, &str), Rates>) -> f64 {
    let mut sigmas: Vec<f64> = rates
        .values()
        .filter(|rates| rates.decode.len() >= 5)
        .map(|rates| log_sigma(&rates.decode))
        .collect();
    median(&mut sigmas).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::answered;
    use super::*;

    #[test]
    fn a_tag_tells_the_size() {
        assert!((gigabytes("gemma3:4b") - 2.6).abs() < 1e-9);
        assert!((gigabytes("smollm2:135m") - 0.08775).abs() < 1e-9);
        assert!((gigabytes("qwen2.5-coder:7b-instruct") - 4.55).abs() < 1e-9);
        assert!((gigabytes("mistral:latest") - UNKNOWN_GB).abs() < 1e-9);
    }

    #[test]
    #[expect(clippy::expect_used, reason = "the test says what must be there")]
    fn the_scenario_has_the_rates_and_arrivals_of_the_jobs() {
        let mut rows: Vec<Row> = (0..100).map(|number| answered(number * 2, 1.0)).collect();
        for row in rows.iter_mut().skip(50) {
            row.host = Some("slow".to_owned());
            row.ms.total = 200.0 + 1600.0;
        }
        let scenario = fit(&rows).expect("a hundred jobs are enough");
        let rates = scenario.models.iter().map(|model| format!("{:.0}", model.decode_tok_per_s));
        assert_eq!(rates.collect::<Vec<_>>(), ["61"]);
        let speeds = scenario.hosts.iter().map(|host| format!("{:.2}", host.speed));
        assert_eq!(speeds.collect::<Vec<_>>(), ["1.00", "0.50"]);
        assert!((scenario.arrivals.per_s - 0.5).abs() < 1e-9);
        let lengths = scenario.classes.iter().map(|class| format!("{:.0}", class.output_tokens.median));
        assert_eq!(lengths.collect::<Vec<_>>(), ["50"]);
    }

    #[test]
    fn a_handful_of_jobs_makes_no_scenario() {
        assert!(fit(&[answered(1, 1.0)]).is_none());
    }
}
