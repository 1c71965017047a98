//! What the standard library lacks for numbers.

/// `f64::clamp` for any input: the standard one panics if the low bound is above the high one, and returns NaN for NaN.
pub(crate) trait Between {
    /// The nearest value from `low` to `high`; `low` where it is no number.
    fn between(self, low: Self, high: Self) -> Self;
}

impl Between for f64 {
    fn between(self, low: Self, high: Self) -> Self {
        self.max(low).min(high)
    }
}

/// Reads a finite decimal number.
pub(crate) fn parse(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|value: &f64| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_servers_write_them() {
        let read = ["3.2", "-0", "1e-05", "1e+06", "5.516856720250351"].map(parse);
        assert_eq!(read, [3.2, -0.0, 1e-5, 1e6, 5.516_856_720_250_351].map(Some));
        assert_eq!(["", "NaN", "+Inf", "3.2B", "\"1\"", "null"].map(parse), [None; 6]);
    }
}
