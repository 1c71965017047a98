//! Whole numbers of any size, as far as reading a decimal number exactly needs them.

use std::cmp::Ordering;

/// Digits of 32 bits, the lowest first; the highest is not zero.
#[derive(Clone)]
pub(super) struct Big(Vec<u32>);

impl Big {
    pub(super) fn one() -> Self {
        Self(vec![1])
    }

    pub(super) fn zero() -> Self {
        Self(Vec::new())
    }

    pub(super) fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    /// `self · factor + more`
    pub(super) fn multiply(&mut self, factor: u32, more: u32) {
        let mut carry = u64::from(more);
        for digit in &mut self.0 {
            carry += u64::from(*digit) * u64::from(factor);
            *digit = carry as u32;
            carry >>= 32;
        }
        if carry > 0 {
            self.0.push(carry as u32);
        }
    }

    /// `self · 2^bits`
    pub(super) fn shift(&mut self, bits: u32) {
        self.multiply(1 << (bits % 32), 0);
        if !self.is_zero() {
            self.0.splice(0..0, std::iter::repeat_n(0, (bits / 32) as usize));
        }
    }

    /// Takes `other` away if it is not greater; says whether it was.
    pub(super) fn take(&mut self, other: &Self) -> bool {
        let longer = self.0.len().cmp(&other.0.len());
        if longer.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev())) == Ordering::Less {
            return false;
        }
        let mut borrow = 0_i64;
        let others = other.0.iter().copied().chain(std::iter::repeat(0));
        for (digit, other) in self.0.iter_mut().zip(others) {
            borrow += i64::from(*digit) - i64::from(other);
            *digit = borrow as u32;
            borrow >>= 32;
        }
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
        true
    }

    /// How many bits it has.
    pub(super) fn bits(&self) -> i32 {
        let all = (32 * self.0.len()) as u32;
        all.saturating_sub(self.0.last().map_or(0, |digit| digit.leading_zeros())).cast_signed()
    }
}
