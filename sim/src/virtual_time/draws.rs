//! What a job is drawn from: its size, its noise, and the gap before it.

use super::job::Job;
use super::scenario::{Scenario, Tokens};
use crate::random::Random;

/// Fewest tokens of an answer.
const LEAST_OUTPUT: f64 = 8.0;

/// A request of this class with its size and its noise.
pub(super) fn sized(
    scenario: &Scenario,
    id: usize,
    arrives: f64,
    class: usize,
    sizes: &mut Random,
    noises: &mut Random,
) -> Job {
    let (prompt, output) = scenario.classes.get(class).map_or((1.0, LEAST_OUTPUT), |class| {
        (draw(sizes, class.prompt_tokens), draw(sizes, class.output_tokens))
    });
    let noise = (normal(noises) * scenario.noise_sigma).exp();
    let (prompt_tokens, output_tokens) = (prompt.round().max(1.0), output.round().max(LEAST_OUTPUT));
    Job { id, arrives, class, prompt_tokens, output_tokens, noise }
}

fn draw(random: &mut Random, tokens: Tokens) -> f64 {
    (tokens.median * (normal(random) * tokens.sigma).exp()).min(tokens.max)
}

/// Seconds between two arrivals: Gamma with shape 1 ÷ cv².
pub(super) fn gap(random: &mut Random, per_s: f64, cv: f64) -> f64 {
    let shape = 1.0 / (cv * cv);
    gamma(random, shape) / (shape * per_s)
}

/// Marsaglia and Tsang's method (ACM TOMS 26, 2000), with its boost for shapes below one.
fn gamma(random: &mut Random, shape: f64) -> f64 {
    if shape < 1.0 {
        let boost = open_unit(random).powf(1.0 / shape);
        return gamma(random, shape + 1.0) * boost;
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = normal(random);
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && open_unit(random).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

/// Above 0, below 1.
pub(super) fn open_unit(random: &mut Random) -> f64 {
    random.unit().max(1e-300)
}

/// A standard normal number (Box and Muller).
pub(super) fn normal(random: &mut Random) -> f64 {
    let radius = (-2.0 * open_unit(random).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.unit()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_have_the_rate_and_the_burstiness_asked_for() {
        for cv in [0.5, 1.0, 2.2] {
            let mut random = Random::new(7);
            let gaps: Vec<f64> = (0..100_000).map(|_| gap(&mut random, 0.5, cv)).collect();
            let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
            let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
            assert!((mean - 2.0).abs() < 0.06, "{mean}");
            assert!((variance.sqrt() / mean - cv).abs() < 0.06 * cv, "{cv}: {}", variance.sqrt() / mean);
        }
    }

    #[test]
    fn token_counts_have_their_median() {
        let mut random = Random::new(3);
        let tokens = Tokens { median: 120.0, sigma: 0.8, max: 4_000.0 };
        let mut drawn: Vec<f64> = (0..20_001).map(|_| draw(&mut random, tokens)).collect();
        drawn.sort_by(f64::total_cmp);
        assert!(drawn.get(10_000).is_some_and(|median| (median - 120.0).abs() < 4.0));
        assert!(drawn.iter().all(|count| *count <= 4_000.0));
    }
}
