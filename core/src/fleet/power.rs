//! Whether a host that can be started is asleep, on its way up or down, and how long until it answers.

use crate::fleet::breaker::doubled;
use crate::learn::LogMean;
use crate::lifecycle::{Gaps, StartConfig};
use crate::names::Millis;

/// Milliseconds until a start that failed is tried again: the first figure, doubled with each failure in a row, the second at most.
const START_PAUSE_MS: (u64, u64) = (5_000, 300_000);
/// Milliseconds that a host whose stop failed is not stopped again: the refusal is unlikely to change sooner.
const STOP_PAUSE_MS: u64 = 600_000;
/// Seconds a stop is expected to take.
const STOP_S: f64 = 5.0;
/// Seconds that a late start is still expected to take, as a share of the time it has taken so far.
const OVERDUE_SHARE: f64 = 0.2;
/// The least seconds that a start is still expected to take.
const LEAST_S: f64 = 0.5;
/// How many observations the owner's `start_s` is worth.
const OWNERS_WORD: f64 = 0.5;

/// What is being done to a host.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum PowerPhase {
    /// Nothing: it runs or not as its looks tell.
    #[default]
    Steady,
    /// A start of ours began then, and the host has not answered yet.
    Starting(Millis),
    /// A stop of ours began then, and has not ended.
    Stopping(Millis),
}

/// Starts and stops of one host.
#[derive(Clone, Debug, Default)]
pub(crate) struct Power {
    /// It may be started when it does not answer.
    pub(crate) may_start: bool,
    pub(crate) phase: PowerPhase,
    /// Seconds from a start to the first answer.
    pub(crate) seconds: LogMean,
    /// Starts that failed, in a row.
    failures: u32,
    /// It is not started sooner.
    pub(crate) no_start_before: Millis,
    /// It is not stopped sooner.
    pub(crate) no_stop_before: Millis,
    /// It has answered since then.
    pub(crate) up_since: Option<Millis>,
    /// Between calls of ours on any of its models.
    pub(crate) gaps: Gaps,
    /// When a dry run has last told of its stop, or of its start.
    pub(crate) told: Option<Millis>,
    /// It is kept until then for a use that is expected.
    pub(crate) reserved_until: Millis,
    /// It was stopped by us then, and has not answered since.
    stopped: Option<Millis>,
    /// Gigabyte-seconds that stops have saved.
    saved_gb_s: f64,
}

impl Power {
    /// Seconds a start is expected to take.
    pub(crate) fn start_s(&self, config: &StartConfig) -> f64 {
        self.seconds.estimate(config.start_s, OWNERS_WORD)
    }

    /// Seconds until it answers where it does not now; `None` where it may not be started yet.
    pub(crate) fn rises_in_s(&self, now: Millis, config: &StartConfig) -> Option<f64> {
        let start_s = self.start_s(config);
        match self.phase {
            PowerPhase::Steady => (now >= self.no_start_before).then_some(start_s),
            PowerPhase::Starting(since) => {
                let gone_s = now.since(since) as f64 / 1e3;
                Some((start_s - gone_s).max(gone_s * OVERDUE_SHARE).max(LEAST_S))
            }
            PowerPhase::Stopping(since) => {
                Some((STOP_S - now.since(since) as f64 / 1e3).max(LEAST_S) + start_s)
            }
        }
    }

    /// The host answers. Returns whether that ends a start of ours.
    pub(crate) fn rose(&mut self, now: Millis, config: Option<&StartConfig>) -> bool {
        self.saved_gb_s = self.saved_gb_s(now, config);
        self.stopped = None;
        if self.up_since.is_none() {
            self.told = None;
        }
        if let PowerPhase::Starting(since) = self.phase {
            self.seconds.observe(now, (now.since(since) as f64 / 1e3).max(LEAST_S));
            (self.phase, self.failures, self.up_since) = (PowerPhase::Steady, 0, Some(now));
            return true;
        }
        self.up_since.get_or_insert(now);
        false
    }

    /// A start failed: the next one waits, longer each time.
    pub(crate) fn start_failed(&mut self, now: Millis) {
        let (first_ms, most_ms) = START_PAUSE_MS;
        self.no_start_before = now.plus(doubled(first_ms, self.failures, most_ms));
        (self.phase, self.failures) = (PowerPhase::Steady, self.failures.saturating_add(1));
    }

    /// A stop has ended, or was refused.
    pub(crate) fn stop_ended(&mut self, now: Millis, stopped: bool) {
        self.phase = PowerPhase::Steady;
        if stopped {
            (self.up_since, self.reserved_until, self.stopped) = (None, Millis(0), Some(now));
        } else {
            self.no_stop_before = now.plus(STOP_PAUSE_MS);
        }
    }

    /// Gigabyte-seconds that stops have saved until now.
    pub(crate) fn saved_gb_s(&self, now: Millis, config: Option<&StartConfig>) -> f64 {
        let gone_s = self.stopped.map_or(0.0, |since| now.since(since) as f64 / 1e3);
        self.saved_gb_s + gone_s * config.map_or(0.0, |config| config.idle_gb)
    }

    pub(crate) fn slept(&mut self, ms: u64) {
        if let PowerPhase::Starting(since) | PowerPhase::Stopping(since) = &mut self.phase {
            *since = since.plus(ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_past_starts_took_is_expected_of_the_next_one() {
        let (config, mut power) = (StartConfig { start_s: 10.0, ..StartConfig::default() }, Power::default());
        assert_eq!(power.rises_in_s(Millis(0), &config), Some(10.0));
        for second in 0..8 {
            power.phase = PowerPhase::Starting(Millis(second * 1_000));
            assert!(power.rose(Millis(second * 1_000 + 2_000), Some(&config)));
        }
        assert!(power.start_s(&config) < 2.5, "{}", power.start_s(&config));
        power.phase = PowerPhase::Starting(Millis(100_000));
        let late = power.rises_in_s(Millis(160_000), &config);
        assert!(late.is_some_and(|late| late >= 12.0), "a start that is late is not about to end: {late:?}");
    }

    #[test]
    fn a_start_that_fails_waits_longer_each_time() {
        let (config, mut power) = (StartConfig::default(), Power::default());
        for pause_ms in [5_000, 10_000, 20_000] {
            let now = power.no_start_before;
            power.start_failed(now);
            assert_eq!(power.rises_in_s(now.plus(pause_ms - 1), &config), None);
            assert!(power.rises_in_s(now.plus(pause_ms), &config).is_some());
        }
    }
}
