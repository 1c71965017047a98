//! Dates as Ollama writes them, and now.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A date as Ollama writes it, as Unix seconds.
pub(super) fn unix_s(date: &str) -> Option<f64> {
    let date: jiff::Timestamp = date.parse().ok()?;
    Some(date.as_microsecond() as f64 / 1e6)
}

/// Unix seconds.
pub(super) fn now_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64()
}
