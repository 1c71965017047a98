//! What fails is left alone for a while, longer each time; then it is tried with one call, then with a few.

use crate::failure::{Failure, FailureKind};
use crate::names::Millis;

/// Milliseconds of the first pause after a failure; doubled with each one in a row.
const FIRST_PAUSE_MS: u64 = 5_000;
/// Milliseconds of the longest pause after failures.
const LONGEST_PAUSE_MS: u64 = 300_000;
/// Milliseconds a busy host rests after it turned a call away: the first figure, doubled with each refusal in a row, the second at
/// most. Short, since it may have a free slot as soon as any answer ends.
const BUSY_REST_MS: (u64, u64) = (50, 500);
/// Milliseconds a host rests that allows no more calls for a while (429): the first figure, doubled with each refusal in a row, the
/// second at most. Longer than for a busy host, since such a limit lasts longer.
const LIMIT_REST_MS: (u64, u64) = (500, 8_000);
/// Milliseconds of the longest pause that a server's `Retry-After` brings about: a limit of hours is an account's, not the host's.
const LONGEST_ASKED_MS: u64 = 60_000;
/// Each answer doubles the calls let through at a time; at this many the breaker closes.
const ALL: u32 = 8;

/// The circuit breaker of a host or of an arm. Closed: every call goes. Open: none does. Half-open: one at a time, then two, then four.
#[derive(Clone, Debug, Default)]
pub(crate) struct Breaker {
    /// Failures in a row.
    failures: u32,
    open_until: Millis,
    /// Calls let through at a time; zero stands for any number.
    slots: u32,
    /// A canary takes one of them.
    canary: bool,
    cause: Option<Failure>,
}

impl Breaker {
    /// Counts a failure; at the `least`-th in a row it opens: for 5 s, doubled each time, five minutes at most, no less than
    /// the server asked for. Never shortens a pause.
    pub(crate) fn trip(&mut self, now: Millis, cause: Failure, least: u32) {
        // Calls that fail while it is open were made before; they are one failure with what opened it.
        if now < self.open_until && self.slots > 0 {
            return;
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures < least {
            return;
        }
        self.slots = 1;
        self.open(now, cause, doubled(FIRST_PAUSE_MS, self.failures - least, LONGEST_PAUSE_MS));
    }

    /// Too much was asked of it, which is no fault: a short rest, `spread` (0 to 1) apart from others.
    pub(crate) fn rest(&mut self, now: Millis, cause: Failure, spread: f64) {
        if now < self.open_until {
            return;
        }
        let (first_ms, most_ms) = if cause.kind == FailureKind::Busy { BUSY_REST_MS } else { LIMIT_REST_MS };
        let pause = doubled(first_ms, self.failures, most_ms);
        self.failures = self.failures.saturating_add(1);
        self.open(now, cause, (pause as f64 * (0.75 + 0.5 * spread)) as u64);
    }

    fn open(&mut self, now: Millis, cause: Failure, pause_ms: u64) {
        let asked = cause.retry_after_ms.unwrap_or(0).min(LONGEST_ASKED_MS);
        self.open_until = self.open_until.max(now.plus(pause_ms.max(asked)));
        self.cause = Some(cause);
    }

    /// A call was answered.
    pub(crate) fn succeed(&mut self, now: Millis) {
        self.failures = 0;
        if self.slots == 0 {
            return;
        }
        self.open_until = self.open_until.min(now);
        self.slots *= 2;
        if self.slots >= ALL {
            *self = Self::default();
        }
    }

    /// It can be reached: a pause for want of a connection is over, and a call may show the rest.
    pub(crate) fn reached(&mut self, now: Millis) {
        if self.cause.as_ref().is_some_and(|cause| cause.kind.is_of_connection()) {
            self.open_until = self.open_until.min(now);
        }
    }

    /// The failure for which no call may go beside `underway` others.
    pub(crate) fn forbids(&self, now: Millis, underway: u32) -> Option<&Failure> {
        let full = self.slots > 0 && underway.saturating_add(u32::from(self.canary)) >= self.slots;
        self.cause.as_ref().filter(|_| now < self.open_until || full)
    }

    /// Whether a token would show that its fault is over: nothing has been answered since it opened, and it was not for want
    /// of a connection, of which a look tells.
    pub(crate) fn is_on_trial(&self) -> bool {
        self.slots == 1 && self.cause.as_ref().is_some_and(|cause| !cause.kind.is_of_connection())
    }

    /// A canary goes in place of the one call that is let through.
    pub(crate) fn canary_goes(&mut self) {
        self.canary = true;
    }

    /// A canary was answered, or failed, which is a failure as any.
    pub(crate) fn canary_ended(&mut self, now: Millis, failure: Option<&Failure>) {
        self.canary = false;
        match failure {
            None => self.succeed(now),
            Some(failure) if self.is_on_trial() => self.trip(now, failure.clone(), 1),
            Some(_) => {}
        }
    }

    /// The failure that made it open, until its calls are answered again.
    pub(crate) fn cause(&self) -> Option<&Failure> {
        self.cause.as_ref()
    }

    /// When the next call may go, if no other is under way.
    pub(crate) fn opens(&self) -> Millis {
        self.open_until
    }
}

/// A pause that is doubled `times` times, and never longer than `most_ms`.
pub(super) fn doubled(first_ms: u64, times: u32, most_ms: u64) -> u64 {
    first_ms.saturating_mul(1 << times.min(16)).min(most_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> Failure {
        Failure::new(FailureKind::Unreachable, "refused")
    }

    #[test]
    fn pauses_double_up_to_five_minutes_and_never_shrink() {
        let mut breaker = Breaker::default();
        let mut pauses = Vec::new();
        for _ in 0..10 {
            let now = breaker.opens();
            breaker.trip(now, refused(), 1);
            pauses.push(breaker.opens().since(now));
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300, 300, 300].map(|seconds| seconds * 1_000));
    }

    #[test]
    fn calls_that_fail_while_it_is_open_do_not_lengthen_the_pause() {
        let mut breaker = Breaker::default();
        for _ in 0..5 {
            breaker.trip(Millis(0), refused(), 1);
        }
        assert_eq!(breaker.opens(), Millis(FIRST_PAUSE_MS));
    }

    #[test]
    fn after_the_pause_one_call_goes_then_two_then_four_then_all() {
        let mut breaker = Breaker::default();
        breaker.trip(Millis(0), refused(), 1);
        assert!(breaker.forbids(Millis(4_999), 0).is_some());
        let mut now = Millis(5_000);
        for slots in [1, 2, 4] {
            assert!(breaker.forbids(now, slots - 1).is_none() && breaker.forbids(now, slots).is_some());
            now = now.plus(1_000);
            breaker.succeed(now);
        }
        assert!(breaker.forbids(now, 1_000).is_none() && breaker.cause().is_none());
    }

    #[test]
    fn an_arm_is_forgiven_what_is_chance() {
        let mut breaker = Breaker::default();
        breaker.trip(Millis(0), refused(), 3);
        breaker.trip(Millis(0), refused(), 3);
        breaker.succeed(Millis(1));
        breaker.trip(Millis(1), refused(), 3);
        breaker.trip(Millis(1), refused(), 3);
        assert!(breaker.forbids(Millis(1), 0).is_none());
        breaker.trip(Millis(1), refused(), 3);
        assert!(breaker.forbids(Millis(1), 0).is_some());
    }

    #[test]
    fn a_look_ends_the_pause_of_a_lost_connection_only() {
        for (kind, ended) in [(FailureKind::Unreachable, true), (FailureKind::FirstTokenTimeout, false)] {
            let mut breaker = Breaker::default();
            breaker.trip(Millis(0), Failure::new(kind, ""), 1);
            breaker.reached(Millis(1));
            assert_eq!(breaker.forbids(Millis(1), 0).is_none(), ended);
            assert!(breaker.forbids(Millis(1), 1).is_some());
        }
    }

    #[test]
    fn a_busy_host_rests_as_long_as_it_asked_and_is_then_free_at_once() {
        let mut breaker = Breaker::default();
        breaker.rest(Millis(0), Failure::new(FailureKind::Busy, ""), 0.5);
        assert_eq!(breaker.opens(), Millis(50));
        assert!(breaker.forbids(Millis(50), 7).is_none());
        breaker.succeed(Millis(60));
        breaker.rest(Millis(60), Failure::new(FailureKind::RateLimited, ""), 0.5);
        assert_eq!(breaker.opens(), Millis(560));
        breaker.succeed(Millis(500));
        let asked = Failure { retry_after_ms: Some(20_000), ..Failure::new(FailureKind::RateLimited, "") };
        breaker.rest(Millis(560), asked.clone(), 0.5);
        assert_eq!(breaker.opens(), Millis(20_560));
        breaker.rest(Millis(20_560), Failure { retry_after_ms: Some(3_600_000), ..asked }, 0.5);
        assert_eq!(breaker.opens(), Millis(80_560), "an hour is no host's state");
    }
}
