//! What a better answer is worth, in seconds.

use crate::request::{Mode, Task};

/// Parameters at which a model is half as good as one can be.
const HALF_QUALITY_PARAMETERS: f64 = 1.5e9;

/// Prior quality of a model, 0 to 1, from its size alone: √p ÷ (√p + √1.5 G).
pub(crate) fn prior_quality(parameters: f64) -> f64 {
    let root = parameters.max(1.0).sqrt();
    root / (root + HALF_QUALITY_PARAMETERS.sqrt())
}

/// Seconds a request pays for the quality a model lacks: price(mode) × weight(task) × (1 − quality).
pub(crate) fn quality_price_s(mode: Mode, task: Task, parameters: f64) -> f64 {
    let price_s = match mode {
        Mode::Fast => 1.0,
        Mode::Balanced => 15.0,
        Mode::Best => 300.0,
    };
    let weight = match task {
        Task::Classify | Task::Embed => 0.4,
        Task::Extract => 0.6,
        Task::Summarize => 0.8,
        Task::General | Task::Chat | Task::Vision => 1.0,
        Task::Analyze | Task::Code => 1.5,
    };
    price_s * weight * (1.0 - prior_quality(parameters))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_larger_model_costs_less_quality_and_best_pays_more_for_it() {
        let gain =
            |mode| quality_price_s(mode, Task::General, 3e9) - quality_price_s(mode, Task::General, 7e9);
        assert!(gain(Mode::Fast) > 0.0 && gain(Mode::Fast) < 0.2);
        assert!(gain(Mode::Balanced) > 1.0 && gain(Mode::Balanced) < 3.0);
        assert!(gain(Mode::Best) > 20.0);
    }
}
