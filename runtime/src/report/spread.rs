//! Medians and spreads of samples.

/// The value below which this share of the samples lies; 0 of none.
pub(super) fn quantile(samples: &mut [f64], share: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    let last = samples.len().saturating_sub(1) as f64;
    samples.get((last * share).round() as usize).copied().unwrap_or(0.0)
}

/// Half of the samples lie below.
pub(super) fn median(samples: &mut [f64]) -> f64 {
    quantile(samples, 0.5)
}

/// Standard deviation of the logarithms.
pub(super) fn log_sigma(samples: &[f64]) -> f64 {
    let logs: Vec<f64> = samples.iter().filter(|sample| **sample > 0.0).map(|sample| sample.ln()).collect();
    deviation(&logs)
}

/// Standard deviation by the mean.
pub(super) fn variation(samples: &[f64]) -> f64 {
    deviation(samples) / mean(samples).max(f64::MIN_POSITIVE)
}

/// The mean; 0 of none.
pub(super) fn mean(samples: &[f64]) -> f64 {
    samples.iter().sum::<f64>() / samples.len().max(1) as f64
}

fn deviation(samples: &[f64]) -> f64 {
    let middle = mean(samples);
    (samples.iter().map(|sample| (sample - middle).powi(2)).sum::<f64>() / samples.len().max(1) as f64).sqrt()
}
