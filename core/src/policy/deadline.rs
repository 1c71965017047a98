//! What it costs to probably miss a deadline.

use crate::learn::upper_tail;

/// A missed deadline counts as this many times the time that was allowed.
const PRICE: f64 = 4.0;
/// Standard deviation of the logarithm of a job's time, the answer's length left out.
const OTHER_SIGMA: f64 = 0.25;

/// 4 D × P(T > D), T log-normal around `expected_s`; its spread is the answer length's, by the share that writing has.
pub(crate) fn deadline_price_s(expected_s: f64, decode_s: f64, length_sigma: f64, deadline_s: f64) -> f64 {
    if deadline_s <= 0.0 {
        return 0.0;
    }
    let share = decode_s / expected_s.max(1e-6);
    let sigma = (share * share * length_sigma * length_sigma + OTHER_SIGMA * OTHER_SIGMA).sqrt();
    // The mean of a log-normal is above its median.
    let median_ln = libm::log(expected_s.max(1e-6)) - sigma * sigma / 2.0;
    PRICE * deadline_s * upper_tail((libm::log(deadline_s) - median_ln) / sigma)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plenty_of_time_costs_nothing_and_too_little_costs_its_price() {
        assert!(deadline_price_s(1.0, 0.5, 0.5, 60.0) < 1e-3);
        assert!((deadline_price_s(600.0, 300.0, 0.5, 10.0) - 40.0).abs() < 0.1);
        let even = deadline_price_s(10.0, 5.0, 0.5, 10.0);
        assert!(even > 10.0 && even < 30.0, "{even}");
    }
}
