//! Numbers as text, by the JSON library's exact routines: the standard library's would come on top, 30 KB of WASM.

use serde_json::{Number, Value};

/// Reads a decimal number.
pub(crate) fn parse(text: &str) -> Option<f64> {
    serde_json::from_str::<Value>(text).ok()?.as_f64()
}

/// As short as it can be told from every other number.
pub(crate) fn shortest(value: f64) -> String {
    let text = Number::from_f64(value).map_or_else(|| "no number".to_owned(), |number| number.to_string());
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// Rounded to a whole number.
pub(crate) fn rounded(value: f64) -> String {
    (libm::rint(value) as i64).to_string()
}

/// Rounded to one decimal.
pub(crate) fn one_decimal(value: f64) -> String {
    let tenths = libm::rint(value * 10.0) as i64;
    let sign = if tenths < 0 { "-" } else { "" };
    format!("{sign}{}.{}", tenths.unsigned_abs() / 10, tenths.unsigned_abs() % 10)
}

/// `f64::clamp` without its panic, whose message brings the standard library's way to write numbers.
pub(crate) trait Between {
    /// The nearest value from `low` to `high`; `low` where it is no number.
    fn between(self, low: Self, high: Self) -> Self;
}

impl Between for f64 {
    fn between(self, low: Self, high: Self) -> Self {
        self.max(low).min(high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_do() {
        assert_eq!([shortest(130.0), shortest(0.1), shortest(1e21)], ["130", "0.1", "1e+21"]);
        assert_eq!([rounded(0.4), rounded(1999.6), rounded(-3.0)], ["0", "2000", "-3"]);
        assert_eq!([one_decimal(0.04), one_decimal(12.96), one_decimal(-0.52)], ["0.0", "13.0", "-0.5"]);
    }

    #[test]
    fn numbers_are_read_as_servers_write_them() {
        let read = ["3.2", "-0", "1e-05", "1e+06", "5.516856720250351"].map(parse);
        assert_eq!(read, [3.2, -0.0, 1e-5, 1e6, 5.516_856_720_250_351].map(Some));
        assert_eq!(["", "NaN", "+Inf", "3.2B", "\"1\"", "null"].map(parse), [None; 6]);
    }
}
