//! Requests over days: conversations, office hours, schedules and bursts, each with its own times of the day and the week.

use super::draws::{normal, open_unit, sized};
use super::job::Job;
use super::scenario::{Pattern, PatternKind, Scenario, Spread, clock_s};
use crate::random::Random;

/// Seconds of a day.
const DAY_S: f64 = 86_400.0;
/// Days of a week.
const WEEK: u64 = 7;

/// Draws every request of the days that the scenario plays, in the order of arrival.
pub(super) fn jobs(scenario: &Scenario, seed: u64) -> Vec<Job> {
    let mut arrivals: Vec<(f64, usize)> = Vec::new();
    for (position, pattern) in scenario.patterns.iter().enumerate() {
        let Some(class) = scenario.classes.iter().position(|class| class.id == pattern.class) else {
            continue;
        };
        let mut random = Random::from_parts(seed, &["pattern", &position.to_string()]);
        for day in 0..scenario.days.ceil() as u64 {
            let weekday = (day % WEEK) as u32 + 1;
            if weekday < pattern.weekdays[0] || weekday > pattern.weekdays[1] {
                continue;
            }
            let mut times = Vec::new();
            day_of(pattern, &mut random, &mut times);
            arrivals.extend(times.into_iter().map(|at| (day as f64 * DAY_S + at, class)));
        }
    }
    arrivals.retain(|(at, _)| (0.0..scenario.days * DAY_S).contains(at));
    arrivals.sort_by(|left, right| left.0.total_cmp(&right.0));
    let (mut sizes, mut noises) =
        (Random::from_parts(seed, &["sizes"]), Random::from_parts(seed, &["noise"]));
    let job =
        |(id, (at, class)): (usize, (f64, usize))| sized(scenario, id, at, class, &mut sizes, &mut noises);
    arrivals.into_iter().enumerate().map(job).collect()
}

/// The times of one day's requests of a pattern, in seconds since midnight.
fn day_of(pattern: &Pattern, random: &mut Random, times: &mut Vec<f64>) {
    let [from, to] = pattern.hours;
    let anywhere = |random: &mut Random| (from + random.unit() * (to - from)) * 3_600.0;
    match pattern.kind {
        PatternKind::Poisson => {
            for _ in 0..poisson(random, pattern.per_day) {
                times.push(anywhere(random));
            }
        }
        PatternKind::Sessions | PatternKind::Burst => {
            for _ in 0..poisson(random, pattern.per_day) {
                let start = anywhere(random);
                follow(pattern, random, start, times);
            }
        }
        PatternKind::Cron => {
            for at in &pattern.at {
                let Some(start) = clock_s(at) else { continue };
                let start = start + normal(random) * pattern.jitter_s;
                follow(pattern, random, start, times);
            }
        }
    }
}

/// Requests one after the other, or all at once where no gap is named.
fn follow(pattern: &Pattern, random: &mut Random, start: f64, times: &mut Vec<f64>) {
    let count = draw(random, pattern.length).round().max(1.0) as usize;
    let mut at = start.max(0.0);
    for _ in 0..count {
        times.push(at);
        if let Some(gap) = pattern.gap_s {
            at += draw(random, gap);
        }
    }
}

fn draw(random: &mut Random, spread: Spread) -> f64 {
    spread.median * (normal(random) * spread.sigma).exp()
}

/// A Poisson number, by the gaps between its events.
fn poisson(random: &mut Random, mean: f64) -> usize {
    let (mut count, mut sum) = (0, 0.0);
    loop {
        sum -= open_unit(random).ln();
        if sum > mean {
            return count;
        }
        count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_comes_at_its_times_on_its_days() -> Result<(), super::super::scenario::ScenarioError> {
        let scenario = Scenario::from_json(
            r#"{"name":"s","days":14,"hosts":[{"id":"h","speed":1,"memory_gb":8,"disk_gb_per_s":1}],
            "models":[{"id":"m","gb":2,"prefill_tok_per_s":500,"decode_tok_per_s":50}],
            "classes":[{"id":"c","models":["m"],"prompt_tokens":{"median":100,"sigma":0,"max":100},
            "output_tokens":{"median":20,"sigma":0,"max":20}}],
            "patterns":[{"class":"c","kind":"cron","at":["07:00","19:30"],"weekdays":[1,5],"length":{"median":3,"sigma":0}}]}"#,
        )?;
        let jobs = jobs(&scenario, 1);
        assert_eq!(jobs.len(), 2 * 5 * 2 * 3);
        let hours = |job: &Job| job.arrives % DAY_S / 3_600.0;
        assert!(jobs.iter().all(|job| (hours(job) - 7.0).abs() < 1e-9 || (hours(job) - 19.5).abs() < 1e-9));
        assert!(jobs.iter().all(|job| (job.arrives / DAY_S) as u64 % 7 < 5), "Monday to Friday");
        Ok(())
    }
}
