//! Predicted against actual seconds.

use serde::Serialize;

use super::rows::Row;
use super::spread::median;

/// Dots drawn at most; more would only overlap.
const DOTS: usize = 1500;
/// Milliseconds below which a load counts as none: the model was in memory.
const LOAD_MS: f64 = 250.0;

/// How far predictions were off.
#[derive(Debug, Serialize)]
pub(super) struct Calibration {
    /// Median of |predicted − actual| ÷ actual over the last half of the jobs.
    median_error: f64,
    /// Share of predictions within a quarter of the actual time.
    within_quarter: f64,
    dots: Vec<Dot>,
}

#[derive(Debug, Serialize)]
struct Dot {
    predicted_s: f64,
    actual_s: f64,
    /// How it went: `at once`, `waited`, or `loaded its model`.
    went: &'static str,
    model: String,
}

pub(super) fn calibration(rows: &[Row]) -> Calibration {
    let predicted: Vec<&Row> =
        rows.iter().filter(|row| row.ok && row.predicted_ms > 0.0 && row.ms.total > 0.0).collect();
    let error = |row: &&Row| (row.predicted_ms - row.ms.total).abs() / row.ms.total;
    let (_, late) = predicted.split_at(predicted.len() / 2);
    let mut errors: Vec<f64> = late.iter().map(error).collect();
    let near = errors.iter().filter(|error| **error <= 0.25).count();
    let step = predicted.len().div_ceil(DOTS).max(1);
    Calibration {
        within_quarter: near as f64 / errors.len().max(1) as f64,
        median_error: median(&mut errors),
        dots: predicted.iter().step_by(step).map(|row| dot(row)).collect(),
    }
}

fn dot(row: &Row) -> Dot {
    let went = if row.ms.load > LOAD_MS {
        "loaded its model"
    } else if row.ms.queue > LOAD_MS {
        "waited"
    } else {
        "at once"
    };
    Dot {
        predicted_s: row.predicted_ms / 1e3,
        actual_s: row.ms.total / 1e3,
        went,
        model: row.model.clone().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::answered;
    use super::*;

    #[test]
    fn the_error_is_a_share_of_what_it_took_and_of_the_later_half() {
        let rows = [answered(1, 100.0), answered(2, 100.0), answered(3, 0.8), answered(4, 0.8)];
        let seen = calibration(&rows);
        assert!((seen.median_error - 0.25).abs() < 1e-9, "{}", seen.median_error);
        assert_eq!(seen.dots.len(), 4);
    }

    #[test]
    fn no_more_dots_than_an_eye_can_tell_apart() {
        let rows: Vec<Row> = (0..10_000).map(|number| answered(number, 1.0)).collect();
        assert!(calibration(&rows).dots.len() <= DOTS);
    }
}
