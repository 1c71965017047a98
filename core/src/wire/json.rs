//! Reading JSON that others wrote: numbers may come as floats, fields may be absent, pages may be HTML.

use serde_json::Value;

use crate::json::Object;

use super::surrogates::json_text;
use crate::failure::{Failure, FailureKind};

/// The largest whole number both JSON readers and JavaScript hold exactly.
const EXACT_MAX: f64 = 9_007_199_254_740_991.0;

/// A JSON object, or a failure that says what came instead; never quotes it.
pub(super) fn object(body: &str, expected: &str) -> Result<Object, Failure> {
    match serde_json::from_str(&json_text(body.as_bytes())) {
        Ok(Value::Object(map)) => Ok(map),
        _ => Err(not(expected, body)),
    }
}

/// The failure for a body that is not what was expected.
pub(super) fn not(expected: &str, body: &str) -> Failure {
    let found = found(body.as_bytes());
    Failure::new(
        FailureKind::BadProtocol,
        format!("expected {expected}, got {found}; check the URL and its port"),
    )
}

/// What bytes look like, in words.
pub(super) fn found(body: &[u8]) -> &'static str {
    match body.trim_ascii_start() {
        [] => "an empty body",
        [b'<', ..] => "an HTML page",
        [b'{' | b'[', ..] => "other JSON",
        _ => "something that is not JSON",
    }
}

/// A whole number of zero or more, also where it was written as a float.
pub(super) fn whole(value: Option<&Value>) -> Option<u64> {
    let number = value?.as_f64()?;
    (number.is_finite() && (0.0..=EXACT_MAX).contains(&number)).then_some(number as u64)
}

/// A whole number that fits 32 bits; larger ones count as the largest.
pub(super) fn small(value: Option<&Value>) -> Option<u32> {
    whole(value).map(|number| u32::try_from(number).unwrap_or(u32::MAX))
}

/// A text that is not empty.
pub(super) fn text<'a>(map: &'a Object, key: &str) -> Option<&'a str> {
    map.get(key)?.as_str().filter(|text| !text.is_empty())
}
