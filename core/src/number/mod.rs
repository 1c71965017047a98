//! Numbers as text, exactly, in little code: the standard library's routines would come on top, 30 KB of WASM.

mod big;
mod decimal;

pub(crate) use decimal::Decimal;

/// Reads a decimal number.
pub(crate) fn parse(text: &str) -> Option<f64> {
    let text = text.trim_ascii().as_bytes();
    let (decimal, length) = Decimal::scan(text)?;
    (length == text.len()).then(|| decimal.value()).filter(|value| value.is_finite())
}

/// As short as it can be told from every other number.
pub(crate) fn shortest(value: f64) -> String {
    let mut text = String::new();
    push_shortest(&mut text, value);
    text
}

/// Writes a number as short as it can be told from every other.
pub(crate) fn push_shortest(text: &mut String, value: f64) {
    if value.is_finite() {
        let mut digits = zmij::Buffer::new();
        let written = digits.format_finite(value);
        text.push_str(written.strip_suffix(".0").unwrap_or(written));
    } else {
        text.push_str("no number");
    }
}

/// Rounded to a whole number.
pub(crate) fn rounded(value: f64) -> String {
    (value.round_ties_even() as i64).to_string()
}

/// Rounded to one decimal.
pub(crate) fn one_decimal(value: f64) -> String {
    let tenths = (value * 10.0).round_ties_even() as i64;
    let sign = if tenths < 0 { "-" } else { "" };
    format!("{sign}{}.{}", tenths.unsigned_abs() / 10, tenths.unsigned_abs() % 10)
}

/// Rounded to two decimals, for a number from 0 to 1.
pub(crate) fn hundredths(value: f64) -> String {
    let hundredths = (value * 100.0).round_ties_even() as u64;
    format!("{}.{}{}", hundredths / 100, hundredths / 10 % 10, hundredths % 10)
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
        assert_eq!([hundredths(0.295), hundredths(0.05), hundredths(1.0)], ["0.30", "0.05", "1.00"]);
        assert_eq!([one_decimal(0.04), one_decimal(12.96), one_decimal(-0.52)], ["0.0", "13.0", "-0.5"]);
    }

    #[test]
    fn numbers_are_read_as_servers_write_them() {
        let read = ["3.2", "-0", "1e-05", "1e+06", "5.516856720250351"].map(parse);
        assert_eq!(read, [3.2, -0.0, 1e-5, 1e6, 5.516_856_720_250_351].map(Some));
        assert_eq!(["", "NaN", "+Inf", "3.2B", "\"1\"", "null"].map(parse), [None; 6]);
    }
}
