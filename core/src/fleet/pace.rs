//! How long looks at a server take, and how long one may: a server that reads its list of models from a network share is slow,
//! not down.

/// Milliseconds a look at a server that has never answered may take.
const UNKNOWN_MS: u64 = 25_000;
/// A look may take this many times as long as the slowest one lately, within [`LEAST_MS`] and [`MOST_MS`].
const TIMES: u64 = 4;
/// The least milliseconds a look is given.
const LEAST_MS: u64 = 10_000;
/// The most milliseconds a look is given.
const MOST_MS: u64 = 60_000;
/// Milliseconds after the end of a look's time at which the look is forgotten if the driver has told nothing of it.
const LOST_MS: u64 = 5_000;

/// The pace of one server.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    /// What the slowest look took, each later one taking a fifth off; `None` while none has ended.
    slowest_ms: Option<u64>,
}

impl Pace {
    /// Milliseconds that a look may take.
    pub(crate) fn within_ms(self) -> u32 {
        let ms = self.slowest_ms.map_or(UNKNOWN_MS, |ms| ms.saturating_mul(TIMES));
        ms.clamp(LEAST_MS, MOST_MS) as u32
    }

    /// Milliseconds after which a look is forgotten that has brought no event.
    pub(crate) fn lost_ms(self) -> u64 {
        u64::from(self.within_ms()) + LOST_MS
    }

    /// Milliseconds that a look is likely to take.
    pub(crate) fn likely_ms(self) -> u64 {
        self.slowest_ms.unwrap_or(0)
    }

    /// A look was answered.
    pub(crate) fn answered(&mut self, took_ms: u64) {
        self.slowest_ms = Some(took_ms.max(self.likely_ms() * 4 / 5));
    }

    /// A look ended for want of time, which may not have been enough: the next one gets twice as much.
    pub(crate) fn was_late(&mut self) {
        self.slowest_ms = Some(u64::from(self.within_ms()) * 2 / TIMES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_server_gets_the_time_it_needs_and_a_quick_one_no_more_than_it_may_need() {
        let mut pace = Pace::default();
        assert_eq!(pace.within_ms(), 25_000);
        pace.answered(12_000);
        assert_eq!(pace.within_ms(), 48_000);
        for _ in 0..20 {
            pace.answered(20);
        }
        assert_eq!(pace.within_ms(), 10_000);
        pace.was_late();
        assert_eq!(pace.within_ms(), 20_000);
        for _ in 0..5 {
            pace.was_late();
        }
        assert_eq!(pace.within_ms(), 60_000);
    }
}
