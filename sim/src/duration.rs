//! Go's durations, as `keep_alive` and `OLLAMA_KEEP_ALIVE` are written.

use serde_json::Value;

use crate::scheduler::{FOREVER, Nanos};

const SECOND: f64 = 1e9;

/// Seconds to nanoseconds; negative is 0.
pub(crate) fn nanos(seconds: f64) -> Nanos {
    (seconds.max(0.0) * SECOND).round() as Nanos
}

/// A `keep_alive`: `"5m"`, a number of seconds, anything negative for ever, 0 for unload afterwards.
///
/// # Errors
/// Go's own words, as Ollama answers them with status 400.
pub(crate) fn keep_alive(value: &Value) -> Result<Nanos, String> {
    match value {
        Value::Number(seconds) => {
            let seconds = seconds.as_f64().unwrap_or_default();
            Ok(if seconds < 0.0 { FOREVER } else { ((seconds * SECOND) as Nanos).min(FOREVER) })
        }
        Value::String(text) => parse(text),
        Value::Bool(_) => Err("Unsupported type: 'bool'".to_owned()),
        Value::Array(_) => Err("Unsupported type: '[]interface {}'".to_owned()),
        Value::Object(_) => Err("Unsupported type: 'map[string]interface {}'".to_owned()),
        Value::Null => Err("Unsupported type: '%!s(<nil>)'".to_owned()),
    }
}

/// Go's `time.ParseDuration`; negative means for ever.
fn parse(text: &str) -> Result<Nanos, String> {
    let invalid = || format!("time: invalid duration {text:?}");
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut nanos = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let number: f64 = number.parse().map_err(|_| invalid())?;
        let letters = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let scale = match unit {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => SECOND,
            "m" => 60.0 * SECOND,
            "h" => 3600.0 * SECOND,
            "" => return Err(format!("time: missing unit in duration {text:?}")),
            _ => return Err(format!("time: unknown unit {unit:?} in duration {text:?}")),
        };
        nanos += number * scale;
        rest = after;
    }
    Ok(if negative && nanos > 0.0 { FOREVER } else { (nanos as Nanos).min(FOREVER) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_what_ollama_reads() {
        assert_eq!(keep_alive(&json!("1h30m")), Ok(5_400_000_000_000));
        assert_eq!(keep_alive(&json!("1.5s")), Ok(1_500_000_000));
        assert_eq!(keep_alive(&json!(2)), Ok(2_000_000_000));
        assert_eq!(keep_alive(&json!(0)), Ok(0));
        assert_eq!(keep_alive(&json!("0")), Ok(0));
        assert_eq!(keep_alive(&json!(-1)), Ok(FOREVER));
        assert_eq!(keep_alive(&json!("-1m")), Ok(FOREVER));
    }

    #[test]
    fn refuses_with_go_s_words() {
        assert_eq!(keep_alive(&json!("5")), Err("time: missing unit in duration \"5\"".into()));
        assert_eq!(keep_alive(&json!("abc")), Err("time: invalid duration \"abc\"".into()));
        assert_eq!(keep_alive(&json!("5x")), Err("time: unknown unit \"x\" in duration \"5x\"".into()));
        assert_eq!(keep_alive(&json!(true)), Err("Unsupported type: 'bool'".into()));
    }
}
