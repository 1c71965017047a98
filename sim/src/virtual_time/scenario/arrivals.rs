//! When requests come: at a steady rate, or by patterns over days.

use serde::{Deserialize, Serialize};

use super::Class;
use super::range::{Checked, refuse, within};

/// Gamma arrivals.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arrivals {
    /// Arrivals a second, each of one request unless they come in batches.
    pub per_s: f64,
    /// Coefficient of variation of the time between two.
    pub cv: f64,
    /// Requests that come at once each time, as from a workflow over many items.
    #[serde(default = "alone")]
    pub batch: usize,
}

/// One a second, at random.
impl Default for Arrivals {
    fn default() -> Self {
        Self { per_s: 1.0, cv: 1.0, batch: 1 }
    }
}

/// Requests of one class over the days.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    /// Whose.
    pub class: String,
    /// How they come.
    pub kind: PatternKind,
    /// Requests, conversations or bursts a day.
    #[serde(default)]
    pub per_day: f64,
    /// Between these hours of the day.
    #[serde(default = "whole_day")]
    pub hours: [f64; 2],
    /// From this day of the week to that, both included; Monday is 1.
    #[serde(default = "whole_week")]
    pub weekdays: [u32; 2],
    /// Times of the day of a schedule: `07:30`.
    #[serde(default)]
    pub at: Vec<String>,
    /// Standard deviation of a schedule's start, in seconds.
    #[serde(default)]
    pub jitter_s: f64,
    /// Requests of one conversation, schedule or burst.
    #[serde(default = "single")]
    pub length: Spread,
    /// Seconds between two of them; without it they come at once.
    #[serde(default)]
    pub gap_s: Option<Spread>,
}

/// How requests of a pattern come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PatternKind {
    /// Each by itself, at random.
    Poisson,
    /// In conversations that begin at random.
    Sessions,
    /// At times of the day.
    Cron,
    /// Many at once, at random.
    Burst,
}

/// A log-normal number.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// Half are below.
    pub median: f64,
    /// Standard deviation of the logarithm.
    pub sigma: f64,
}

fn whole_day() -> [f64; 2] {
    [0.0, 24.0]
}

fn whole_week() -> [u32; 2] {
    [1, 7]
}

fn single() -> Spread {
    Spread { median: 1.0, sigma: 0.0 }
}

fn alone() -> usize {
    1
}

impl Arrivals {
    pub(super) fn check(&self) -> Checked {
        within("arrivals.per_s", self.per_s, 1e-6, 1e6)?;
        within("arrivals.cv", self.cv, 0.01, 20.0)?;
        within("arrivals.batch", self.batch as f64, 1.0, 1e6)
    }
}

impl Pattern {
    /// `place`: its key, for refusals.
    pub(super) fn check(&self, place: &str, classes: &[Class]) -> Checked {
        if !classes.iter().any(|class| class.id == self.class) {
            let message = format!("no class is called \"{}\"", self.class);
            return Err(refuse(format!("{place}.class"), message));
        }
        within(format!("{place}.per_day"), self.per_day, 0.0, 1e6)?;
        let [from, to] = self.hours;
        within(format!("{place}.hours[0]"), from, 0.0, 24.0)?;
        within(format!("{place}.hours[1]"), to, from, 24.0)?;
        let [begin, end] = self.weekdays;
        within(format!("{place}.weekdays[0]"), f64::from(begin), 1.0, 7.0)?;
        within(format!("{place}.weekdays[1]"), f64::from(end), f64::from(begin), 7.0)?;
        within(format!("{place}.jitter_s"), self.jitter_s, 0.0, 86_400.0)?;
        within(format!("{place}.length.median"), self.length.median, 1.0, 1e6)?;
        within(format!("{place}.length.sigma"), self.length.sigma, 0.0, 5.0)?;
        if let Some(gap) = self.gap_s {
            within(format!("{place}.gap_s.median"), gap.median, 0.0, 1e6)?;
            within(format!("{place}.gap_s.sigma"), gap.sigma, 0.0, 5.0)?;
        }
        if let Some(wrong) = self.at.iter().find(|at| clock_s(at).is_none()) {
            let message = format!("\"{wrong}\" is no time of the day; write 07:30");
            return Err(refuse(format!("{place}.at"), message));
        }
        if self.kind == PatternKind::Cron && self.at.is_empty() {
            return Err(refuse(format!("{place}.at"), "must not be empty"));
        }
        Ok(())
    }
}

/// Seconds since midnight of `07:30`.
pub(in crate::virtual_time) fn clock_s(text: &str) -> Option<f64> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 24 && minutes < 60).then(|| f64::from(hours * 3_600 + minutes * 60))
}
