//! Moments and counts as rows keep them.

use std::time::{SystemTime, UNIX_EPOCH};

/// An estimate of a host, model or shape that is not in use, and a rating, is kept this long: 90 days, in milliseconds.
pub(super) const KEPT_MS: u64 = 90 * 86_400_000;

/// Milliseconds since 1970.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(0)
}

/// A count as a column holds it; larger ones count as the largest.
pub(super) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
