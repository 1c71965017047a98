//! A decimal number as JSON writes it, and the nearest number a computer holds.

use super::big::Big;

/// Digits past these cannot be told from a last one.
const DIGITS_MAX: usize = 780;
/// Whole numbers up to this and powers of ten up to 10^22 are exact; so one operation on them rounds once.
const EXACT_MAX: u64 = 1 << 53;
const EXACT_POWER_MAX: u32 = 22;
/// Bits of a quotient that round as all bits would.
const QUOTIENT_BITS: i32 = 56;
/// Two bits below the lowest of any number.
const LOWEST_BIT: i32 = 1076;

/// The parts of a number as it is written.
#[derive(Clone, Copy)]
pub(crate) struct Decimal<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    exponent: i32,
    plain: bool,
}

impl<'a> Decimal<'a> {
    /// The number at the start of a text, and its length.
    pub(crate) fn scan(text: &'a [u8]) -> Option<(Self, usize)> {
        let (negative, rest) = match text.strip_prefix(b"-") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, mut rest) = digits(rest);
        if whole.is_empty() || (whole.len() > 1 && whole.starts_with(b"0")) {
            return None;
        }
        let mut decimal = Self { negative, whole, fraction: &[], exponent: 0, plain: true };
        if let Some(after) = rest.strip_prefix(b".") {
            (decimal.fraction, rest) = digits(after);
            decimal.plain = false;
            if decimal.fraction.is_empty() {
                return None;
            }
        }
        if let [b'e' | b'E', after @ ..] = rest {
            let (sign, after) = match after {
                [b'-', after @ ..] => (-1, after),
                [b'+', after @ ..] | after => (1, after),
            };
            let (power, after) = digits(after);
            if power.is_empty() {
                return None;
            }
            let value = |sum: i32, digit: &u8| (sum * 10 + i32::from(digit - b'0')).min(100_000);
            decimal.exponent = sign * power.iter().fold(0, value);
            decimal.plain = false;
            rest = after;
        }
        Some((decimal, text.len() - rest.len()))
    }

    /// The whole number without its sign, if it is one that fits and was written as one; and whether it has a sign.
    pub(crate) fn integer(&self) -> Option<(bool, u64)> {
        if !self.plain {
            return None;
        }
        let add = |sum: u64, digit: &u8| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
        Some((self.negative, self.whole.iter().try_fold(0, add)?))
    }

    /// The nearest number; infinite where there is none.
    pub(crate) fn value(&self) -> f64 {
        let sign = if self.negative { -1.0 } else { 1.0 };
        sign * self.magnitude()
    }

    fn magnitude(&self) -> f64 {
        let all = self.whole.iter().chain(self.fraction).skip_while(|digit| **digit == b'0');
        let count = all.clone().count();
        let mut power = self.exponent.saturating_sub(length(self.fraction.len()));
        if count <= 19 {
            let small = all
                .clone()
                .fold(0, |sum: u64, digit| sum.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')));
            if small == 0 {
                return 0.0;
            }
            if small <= EXACT_MAX && power.unsigned_abs() <= EXACT_POWER_MAX {
                let ten = (0..power.unsigned_abs()).fold(1.0, |ten, _| ten * 10.0);
                return if power < 0 { small as f64 / ten } else { small as f64 * ten };
            }
        }
        let order = power.saturating_add(length(count));
        if order > 310 {
            return f64::INFINITY;
        }
        if order < -330 {
            return 0.0;
        }
        let mut over = Big::zero();
        for digit in all.take(DIGITS_MAX) {
            over.multiply(10, u32::from(digit - b'0'));
        }
        if count > DIGITS_MAX {
            over.multiply(10, 1);
            power += length(count - DIGITS_MAX) - 1;
        }
        let mut under = Big::one();
        let scaled = if power < 0 { &mut under } else { &mut over };
        for _ in 0..power.unsigned_abs() {
            scaled.multiply(10, 0);
        }
        quotient(over, under)
    }
}

fn length(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or_default()
}

/// The number nearest to `over / under`, bit by bit.
fn quotient(mut over: Big, mut under: Big) -> f64 {
    let scale = (QUOTIENT_BITS - 1 - over.bits() + under.bits()).min(LOWEST_BIT);
    let (shifted, bits) = if scale < 0 { (&mut under, -scale) } else { (&mut over, scale) };
    shifted.shift(bits.unsigned_abs());
    under.shift(QUOTIENT_BITS.unsigned_abs());
    let mut found = 0_u64;
    for _ in 0..=QUOTIENT_BITS {
        found = found << 1 | u64::from(over.take(&under));
        over.shift(1);
    }
    // What is left over decides between two neighbours that are equally near.
    found |= u64::from(!over.is_zero());
    libm::ldexp(found as f64, -scale)
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use proptest::prelude::*;

    #[test]
    fn hard_numbers_are_read_as_the_standard_library_reads_them() {
        for text in [
            "0",
            "-0",
            "-0.0",
            "0e999",
            "9007199254740993",
            "9007199254740992.5",
            "1e23",
            "8.5e-23",
            "1e308",
            "1.7976931348623157e308",
            "1.7976931348623158e308",
            "2.2250738585072011e-308",
            "4.9e-324",
            "2.4703282292062328e-324",
            "2.4703282292062327e-324",
            "1e-400",
            "123456789012345678901234567890",
            "0.000000000000000000000000000000001",
            "6.02214076e23",
            "5.516856720250351",
            "0.1000000000000000055511151231257827021181583404541015625",
            "3.5844466002796428e+298",
            "1e-320",
            "179769313486231580793728971405301e277",
        ] {
            let expected = text.parse().ok().filter(|value: &f64| value.is_finite());
            assert_eq!(parse(text).map(f64::to_bits), expected.map(f64::to_bits), "{text}");
        }
        let long = format!("0.{}1", "0123456789".repeat(100));
        assert_eq!(parse(&long), long.parse().ok());
        let half = format!("9007199254740993.{}1", "0".repeat(900));
        assert_eq!(parse(&half), Some(9_007_199_254_740_994.0));
        assert_eq!(
            ["1e309", "1e99999999999", "01", "1.", ".5", "+1", "1e", "-", "1 2", "0x1"].map(parse),
            [None; 10]
        );
    }

    proptest! {
        #[test]
        fn every_number_is_read_back_as_it_was_written(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            prop_assert_eq!(parse(&super::super::shortest(value)).map(f64::to_bits), Some(bits));
            prop_assert_eq!(parse(&format!("{value:e}")).map(f64::to_bits), Some(bits));
        }

        #[test]
        fn any_digits_are_read_as_the_standard_library_reads_them(digits in "[1-9][0-9]{0,40}\\.[0-9]{1,40}e-?[0-9]{1,3}") {
            let expected = digits.parse::<f64>().ok().filter(|value| value.is_finite());
            prop_assert_eq!(parse(&digits).map(f64::to_bits), expected.map(f64::to_bits));
        }
    }
}
