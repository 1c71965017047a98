//! Uses that come back at the same time of the day or of the week, as those of schedules do.

use std::collections::VecDeque;

use crate::names::Millis;

/// Starts remembered.
const KEPT: usize = 192;
const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;
/// The periods after which a use may come back.
const PERIODS_MS: [u64; 3] = [HOUR_MS, DAY_MS, 7 * DAY_MS];
/// Milliseconds within which a start counts as the one that was expected.
pub(crate) const NEAR_MS: u64 = 180_000;
/// Milliseconds within which starts seen by two programs count as one.
const SAME_MS: u64 = 60_000;
/// Milliseconds that a use which was seen only once is waited for.
const GUESS_WAIT_MS: u64 = 60_000;
/// Milliseconds by which a start may come early, while too few have been seen to tell.
const EARLY_MS: u64 = 25_000;
/// The latest starts from which it is learned how early one may come.
const TELLING: usize = 8;
/// Starts in a row, one period apart, after which the next one is expected.
const IN_A_ROW: u64 = 2;
/// How many starts may be expected to come back by chance alone; above it the period is not believed.
const BY_CHANCE: f64 = 0.2;

/// A use that may come.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Expectation {
    pub(crate) at: Millis,
    /// Milliseconds by which it may come earlier.
    pub(crate) early_ms: u64,
    /// Milliseconds after which it will not come any more.
    pub(crate) wait_ms: u64,
    /// How likely it is; 1 where it came back as often as is asked for.
    pub(crate) share: f64,
}

impl Expectation {
    /// When it has come, or will not.
    pub(crate) fn over(&self) -> Millis {
        self.at.plus(self.wait_ms)
    }
}

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

    /// The next use that may come after `now`: one that follows a period, or one a day after a use that was seen once.
    /// `missed`: such guesses since the last start that came to nothing.
    pub(crate) fn next(&self, now: Millis, missed: u32) -> Option<Expectation> {
        let sure = self.expected(now).map(|(at, period_ms)| Expectation {
            at,
            early_ms: self.early_ms(period_ms),
            wait_ms: NEAR_MS,
            share: 1.0,
        });
        let guess = self.guess(now, missed);
        // An expected use that follows a period is preferred to a guess just before it.
        let first = guess.filter(|guess| sure.is_none_or(|sure| guess.at.plus(NEAR_MS) < sure.at));
        first.or(sure)
    }

    fn guess(&self, now: Millis, missed: u32) -> Option<Expectation> {
        let recent = self.starts.iter().rev().take_while(|at| now.since(**at) < DAY_MS + GUESS_WAIT_MS);
        let at = recent.map(|at| at.plus(DAY_MS)).filter(|at| at.plus(GUESS_WAIT_MS) > now);
        let at = at.filter(|at| !self.has_come(*at)).min()?;
        let first = self.starts.front()?;
        let came_back =
            |start: &Millis| self.shift(*start, DAY_MS).is_some_and(|by| by.abs() <= GUESS_WAIT_MS as f64);
        let (mut all, mut back) = (missed, 0_u32);
        for start in self.starts.iter().filter(|start| start.since(*first) + NEAR_MS >= DAY_MS) {
            all += 1;
            back += u32::from(came_back(start));
        }
        // Half of all uses come back where nothing is known yet.
        let share = (f64::from(back) + 1.0) / (f64::from(all) + 2.0);
        Some(Expectation { at, early_ms: self.early_ms(DAY_MS), wait_ms: GUESS_WAIT_MS, share })
    }

    /// Whether the use that was expected at this time has begun.
    fn has_come(&self, at: Millis) -> bool {
        self.starts.iter().any(|start| start.0.abs_diff(at.0) <= NEAR_MS)
    }

    /// Milliseconds by which a start came later than the nearest one a period before; `None` where there was none.
    fn shift(&self, start: Millis, period_ms: u64) -> Option<f64> {
        let before = start.0.checked_sub(period_ms)?;
        let shifts = self.starts.iter().map(|other| before as f64 - other.0 as f64);
        shifts.filter(|by| by.abs() <= NEAR_MS as f64).min_by(|one, other| one.abs().total_cmp(&other.abs()))
    }

    /// Milliseconds by which the next start may come early: a third more than the earliest of the last [`TELLING`] ones, and at least
    /// [`EARLY_MS`] times the share of these that have not been seen yet.
    fn early_ms(&self, period_ms: u64) -> u64 {
        let shifts = self.starts.iter().rev().filter_map(|start| self.shift(*start, period_ms)).take(TELLING);
        let (seen, earliest) =
            shifts.fold((0_usize, 0.0_f64), |(seen, earliest), by| (seen + 1, earliest.max(-by)));
        let untold = TELLING.saturating_sub(seen) as f64 / TELLING as f64;
        (earliest * 4.0 / 3.0).max(EARLY_MS as f64 * untold) as u64
    }

    /// The next use after `now` that follows a period, and the period in milliseconds. It is expected if uses have begun at that time
    /// of the hour, day or week often enough in a row, and starts are too few for that to be chance.
    fn expected(&self, now: Millis) -> Option<(Millis, u64)> {
        let next = |period_ms: u64| {
            if self.by_chance(now, period_ms) > BY_CHANCE {
                return None;
            }
            let recent = self.starts.iter().rev().take_while(move |at| now.since(**at) < period_ms + NEAR_MS);
            let due = recent.filter(move |at| self.comes_back(**at, period_ms));
            let due = due.map(move |at| at.plus(period_ms)).filter(|at| at.plus(NEAR_MS) > now);
            due.filter(|at| !self.has_come(*at)).min()
        };
        PERIODS_MS.iter().filter_map(|period_ms| Some((next(*period_ms)?, *period_ms))).min()
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
            |hour: f64| rhythm.expected(Millis((hour * 3.6e6) as u64)).map(|(at, _)| at.0 as f64 / 3.6e6);
        assert_eq!(expected(44.0), Some(55.0));
        assert!(expected(56.0).is_some_and(|hour| (67.5..67.6).contains(&hour)));
        assert_eq!(of(&[7.0, 19.5, 33.0]).expected(Millis(40 * HOUR_MS)), None);
    }

    #[test]
    fn what_has_come_is_not_waited_for_any_more() {
        let came = 55.031_25;
        let next = of(&[7.0, 31.0, came]).next(Millis((came * 3.6e6) as u64), 0);
        assert_eq!(next.map(|next| next.at.0 as f64 / 3.6e6), Some(came + 24.0));
    }

    #[test]
    fn what_comes_once_a_week_is_expected_after_two_weeks() {
        let week = 168.0;
        let rhythm = of(&[9.0, 9.0 + week]);
        let expected = rhythm.expected(Millis(((10.0 + week) * 3.6e6) as u64));
        assert_eq!(expected.map(|(at, _)| at), Some(Millis(((9.0 + 2.0 * week) * 3.6e6) as u64)));
    }

    #[test]
    fn starts_at_random_expect_nothing_by_the_hour() {
        let rhythm = of(&[1.0, 2.3, 3.1, 4.6, 5.2, 6.9, 7.4, 8.8]);
        assert_eq!(rhythm.expected(Millis(9 * HOUR_MS)), None);
    }

    #[test]
    fn what_was_seen_once_is_guessed_a_day_later_and_less_so_after_guesses_that_came_to_nothing() {
        let after = |hours: &[f64], missed| {
            let now = hours.last().map_or(0, |last| (last * 3.6e6) as u64) + 1_000;
            of(hours).next(Millis(now), missed).map(|next| (next.at.0 as f64 / 3.6e6, next.share))
        };
        assert_eq!(after(&[3.0], 0), Some((27.0, 0.5)));
        assert_eq!(after(&[3.0], 1), Some((27.0, 1.0 / 3.0)));
        assert_eq!(after(&[3.0, 27.0], 0), Some((51.0, 1.0)), "it has come back");
        assert_eq!(after(&[3.0, 33.0], 0), Some((57.0, 1.0 / 3.0)), "it has not");
    }

    #[test]
    fn what_comes_early_now_and_then_is_expected_early() {
        let early = |hours: &[f64]| of(hours).early_ms(DAY_MS);
        assert_eq!(early(&[3.0]), EARLY_MS);
        assert_eq!(early(&[3.0, 27.01, 51.0]), 48_000);
        assert_eq!(early(&[3.0, 27.0, 51.0]), 18_750, "two days do not tell");
        let days: Vec<f64> = (0..9).map(|day| 3.0 + 24.0 * f64::from(day)).collect();
        assert_eq!(early(&days), 0, "eight do");
    }
}
