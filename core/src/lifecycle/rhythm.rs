//! Uses that come back at the same time of the day or of the week, as those of schedules do.

use std::collections::VecDeque;

use crate::names::Millis;

/// Starts remembered.
const KEPT: usize = 192;
const HOUR_MS: u64 = 3_600_000;
/// What may come back, and how far apart.
const PERIODS_MS: [u64; 3] = [HOUR_MS, 24 * HOUR_MS, 7 * 24 * HOUR_MS];
/// A start this near to the time it is expected at is the one expected.
pub(crate) const NEAR_MS: u64 = 180_000;
/// Two programs that saw starts so near to each other saw one.
const SAME_MS: u64 = 60_000;
/// Starts in a row, one period apart, from which on the next is expected.
const IN_A_ROW: u64 = 2;
/// Where more would come back by chance than this, none is believed.
const BY_CHANCE: f64 = 0.2;

/// When uses of a model began, after it had been idle for a while.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Rhythm {
    starts: VecDeque<Millis>,
}

impl Rhythm {
    /// Nobody had used it for a while, and somebody begins to.
    pub(crate) fn start(&mut self, at: Millis) {
        if self.starts.len() >= KEPT {
            self.starts.pop_front();
        }
        self.starts.push_back(at);
    }

    /// The starts remembered, oldest first.
    pub(crate) fn starts(&self) -> Vec<Millis> {
        self.starts.iter().copied().collect()
    }

    /// Adds starts that others saw.
    pub(crate) fn absorb(&mut self, starts: &[Millis]) {
        let mut all: Vec<Millis> = self.starts.iter().chain(starts).copied().collect();
        all.sort_unstable();
        all.dedup_by(|later, earlier| later.since(*earlier) < SAME_MS);
        self.starts = all.split_off(all.len().saturating_sub(KEPT)).into();
    }

    /// When the next use is expected that follows a period and begins after `now`: it has begun at that time of the hour, day or
    /// week at least twice in a row, and starts are too few for that to be chance.
    pub(crate) fn expected(&self, now: Millis) -> Option<Millis> {
        let next = |period_ms: u64| {
            if self.by_chance(now, period_ms) > BY_CHANCE {
                return None;
            }
            let recent = self.starts.iter().rev().take_while(move |at| now.since(**at) < period_ms + NEAR_MS);
            let due = recent.filter(move |at| self.comes_back(**at, period_ms));
            due.map(move |at| at.plus(period_ms)).filter(|at| at.plus(NEAR_MS) > now).min()
        };
        PERIODS_MS.iter().filter_map(|period_ms| next(*period_ms)).min()
    }

    /// How many of the last period's starts come back by chance alone, where they are many and at random.
    fn by_chance(&self, now: Millis, period_ms: u64) -> f64 {
        let starts = self.starts.iter().filter(|at| now.since(**at) < period_ms).count() as f64;
        let near = starts * 2.0 * NEAR_MS as f64 / period_ms as f64;
        let rows = if period_ms == HOUR_MS { 3 * IN_A_ROW } else { IN_A_ROW };
        (1..rows).fold(starts, |chance, _| chance * near)
    }

    /// Whether there was a start about one period before this one, too, as often as is asked for.
    fn comes_back(&self, at: Millis, period_ms: u64) -> bool {
        // An hourly rhythm must show more often: some start of a busy hour is always near.
        let rows = if period_ms == HOUR_MS { 3 * IN_A_ROW } else { IN_A_ROW };
        (1..rows).all(|back| {
            let Some(before) = at.0.checked_sub(back * period_ms) else { return false };
            self.starts.iter().any(|start| start.0.abs_diff(before) <= NEAR_MS)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(hours: &[f64]) -> Rhythm {
        let mut rhythm = Rhythm::default();
        for hour in hours {
            rhythm.start(Millis((hour * 3.6e6) as u64));
        }
        rhythm
    }

    #[test]
    fn what_came_at_one_time_on_two_days_is_expected_on_the_third() {
        let rhythm = of(&[7.0, 19.5, 31.0, 43.51]);
        let expected =
            |hour: f64| rhythm.expected(Millis((hour * 3.6e6) as u64)).map(|at| at.0 as f64 / 3.6e6);
        assert_eq!(expected(44.0), Some(55.0));
        assert!(expected(56.0).is_some_and(|hour| (67.5..67.6).contains(&hour)));
        assert_eq!(of(&[7.0, 19.5, 33.0]).expected(Millis(40 * HOUR_MS)), None);
    }

    #[test]
    fn what_comes_once_a_week_is_expected_after_two_weeks() {
        let week = 168.0;
        let rhythm = of(&[9.0, 9.0 + week]);
        let expected = rhythm.expected(Millis(((10.0 + week) * 3.6e6) as u64));
        assert_eq!(expected, Some(Millis(((9.0 + 2.0 * week) * 3.6e6) as u64)));
    }

    #[test]
    fn starts_at_random_expect_nothing_by_the_hour() {
        let rhythm = of(&[1.0, 2.3, 3.1, 4.6, 5.2, 6.9, 7.4, 8.8]);
        assert_eq!(rhythm.expected(Millis(9 * HOUR_MS)), None);
    }
}
