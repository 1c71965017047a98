//! A host that fails is left alone for a while, longer each time.

use crate::failure::Failure;
use crate::names::Millis;

const FIRST_PAUSE_MS: u64 = 5_000;
const LONGEST_PAUSE_MS: u64 = 300_000;

/// Open after a failure that blames the host; closed by proof of life.
#[derive(Clone, Debug, Default)]
pub(crate) struct Breaker {
    failures: u32,
    open_until: Millis,
    cause: Option<Failure>,
}

impl Breaker {
    /// Opens for 5 s, doubled with each failure in a row, five minutes at most; never shortens a pause.
    pub(crate) fn trip(&mut self, now: Millis, cause: Failure) {
        let pause = FIRST_PAUSE_MS.saturating_mul(1 << self.failures.min(6)).min(LONGEST_PAUSE_MS);
        let asked = cause.retry_after_ms.unwrap_or(0);
        self.failures = self.failures.saturating_add(1);
        self.open_until = self.open_until.max(now.plus(pause.max(asked)));
        self.cause = Some(cause);
    }

    pub(crate) fn close(&mut self) {
        *self = Self::default();
    }

    /// The failure that keeps it open, while it is.
    pub(crate) fn open(&self, now: Millis) -> Option<&Failure> {
        self.cause.as_ref().filter(|_| now < self.open_until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::FailureKind;

    #[test]
    fn pauses_double_up_to_five_minutes_and_never_shrink() {
        let mut breaker = Breaker::default();
        let mut last = 0;
        for _ in 0..10 {
            breaker.trip(Millis(0), Failure::new(FailureKind::Unreachable, "refused"));
            assert!(breaker.open_until.0 >= last);
            last = breaker.open_until.0;
        }
        assert_eq!(last, LONGEST_PAUSE_MS);
        assert!(breaker.open(Millis(last)).is_none());
        breaker.trip(Millis(0), Failure::new(FailureKind::Unreachable, "refused"));
        breaker.close();
        assert!(breaker.open(Millis(0)).is_none());
    }
}
