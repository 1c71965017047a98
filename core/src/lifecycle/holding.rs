//! How long an idle model is held: a ski rental. Holding it costs memory by the second, letting it go costs whoever comes next
//! one load.

use crate::lifecycle::LifecycleConfig;
use crate::lifecycle::gaps::Gaps;
use crate::number::Between as _;

/// Seconds that every model is held at least after its last use.
const LEAST_S: f64 = 10.0;
/// The share of gaps that are no longer than the one a report names.
const TOLD: f64 = 0.95;

/// How long one idle model is held, and why.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Holding {
    /// Seconds since its last use.
    pub(crate) hold_s: f64,
    /// Whether learned gaps of use decided; else the break-even alone did.
    pub(crate) learned: bool,
    /// Seconds: 95 % of its gaps are shorter.
    pub(crate) p95_gap_s: Option<f64>,
    /// Seconds its load takes.
    pub(crate) load_s: f64,
    /// Gigabytes it takes.
    pub(crate) gb: f64,
}

/// How long an idle model is held. Break-even = price × seconds of load ÷ gigabytes: held that long, it has cost as much memory as its
/// next load is worth. If its gaps of use are known, the time is taken at which memory and loads cost least together. Otherwise it is
/// the break-even itself, which never costs more than twice the best choice. `patience` multiplies it after unloads that came too soon.
pub(crate) fn holding(
    config: &LifecycleConfig,
    gaps: &Gaps,
    patience: f64,
    load_s: f64,
    bytes: f64,
) -> Holding {
    let gb = (bytes / 1e9).max(0.01);
    let break_even_s = config.wait_price * load_s / gb;
    let learned = gaps.is_telling();
    let hold_s = if learned { gaps.cheapest_s(break_even_s) } else { break_even_s * patience };
    Holding {
        hold_s: hold_s.between(LEAST_S, f64::from(config.max_idle_s).max(LEAST_S)),
        learned,
        p95_gap_s: gaps.quantile_s(TOLD),
        load_s,
        gb,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_held_for_what_its_load_is_worth_until_its_gaps_are_known() {
        let config = LifecycleConfig { wait_price: 60.0, ..LifecycleConfig::default() };
        let mut gaps = Gaps::default();
        let hold = |gaps: &Gaps, patience| holding(&config, gaps, patience, 5.0, 4e9).hold_s;
        assert!((hold(&gaps, 1.0) - 75.0).abs() < 1e-9);
        assert!((hold(&gaps, 2.0) - 150.0).abs() < 1e-9);
        for _ in 0..20 {
            gaps.observe(20_000.0);
        }
        assert!((hold(&gaps, 2.0) - LEAST_S).abs() < 1e-9, "its next use is hours away");
    }
}
