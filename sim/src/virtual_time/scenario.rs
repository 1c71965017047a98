//! A scenario file: hosts, models, classes of requests, arrivals, and what goes wrong.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Everything one comparison is played on. Rates are at host speed 1; `from` and `to` are fractions of the run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Shown in tables.
    pub name: String,
    /// At least one.
    pub hosts: Vec<Host>,
    /// Every host has every model.
    pub models: Vec<Model>,
    /// Kinds of requests.
    pub classes: Vec<Class>,
    /// How often requests come, where no patterns are named.
    #[serde(default)]
    pub arrivals: Arrivals,
    /// Requests in a run, likewise.
    #[serde(default)]
    pub requests: usize,
    /// Days in a run with patterns; the first is a Monday.
    #[serde(default)]
    pub days: f64,
    /// Who asks when, in place of `arrivals`.
    #[serde(default)]
    pub patterns: Vec<Pattern>,
    /// Standard deviation of the logarithm of a job's true work against its size.
    #[serde(default)]
    pub noise_sigma: f64,
    /// Hosts that become slower or faster for a while.
    #[serde(default)]
    pub speed_changes: Vec<SpeedChange>,
    /// Hosts that fail for a while.
    #[serde(default)]
    pub faults: Vec<Fault>,
    /// Other processes that take a host's CPU or memory for a while.
    #[serde(default)]
    pub foreign_loads: Vec<ForeignLoad>,
    /// Hosts that answer only from this fraction of the run on.
    #[serde(default)]
    pub joins: Vec<Join>,
    /// Whether a metrics server tells of CPU and memory.
    #[serde(default)]
    pub metrics: bool,
    /// What the dispatcher is not told of the hosts.
    #[serde(default)]
    pub blind: Vec<Blind>,
}

/// A fact that Smart AI is not told and has to find out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blind {
    /// How much memory a host has for models.
    Memory,
    /// How long an answer's parts took: as over `OpenAI`'s API, only its pieces can be timed.
    Durations,
    /// How many requests a model answers at a time.
    Slots,
}

impl Scenario {
    /// Whether Smart AI is told this.
    pub(crate) fn tells(&self, fact: Blind) -> bool {
        !self.blind.contains(&fact)
    }
}

/// An Ollama server.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Its name.
    pub id: String,
    /// Speed against the models' rates.
    pub speed: f64,
    /// Memory for models.
    pub memory_gb: f64,
    /// A load takes 0.5 s + gb ÷ this.
    pub disk_gb_per_s: f64,
    /// How much its busy runners take from one another: 1 where they share all of it, 0 where each has a part of its own.
    #[serde(default = "all")]
    pub sharing: f64,
    /// Slots of a runner.
    #[serde(default = "one")]
    pub parallel: u32,
    /// Models in memory at most.
    #[serde(default = "three")]
    pub max_loaded: u32,
    /// Its models are in the memory of a GPU, as far as they fit.
    #[serde(default)]
    pub gpu: bool,
    /// Seconds its start takes, where it can be stopped and started: a container.
    #[serde(default)]
    pub start_s: Option<f64>,
    /// Memory that it holds itself while it runs.
    #[serde(default)]
    pub idle_memory_gb: f64,
}

fn all() -> f64 {
    1.0
}

fn one() -> u32 {
    1
}

fn three() -> u32 {
    3
}

/// A model.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Its tag.
    pub id: String,
    /// Size on disk and in memory.
    pub gb: f64,
    /// Tokens a second while reading.
    pub prefill_tok_per_s: f64,
    /// Tokens a second while writing.
    pub decode_tok_per_s: f64,
}

/// Requests alike.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Class {
    /// Its name, which is the requests' shape.
    pub id: String,
    /// Its part of all requests; the parts are scaled to one.
    #[serde(default = "all")]
    pub share: f64,
    /// Models good enough for it, the usual one first.
    pub models: Vec<String>,
    /// Length of prompts.
    pub prompt_tokens: Tokens,
    /// Length of answers, at least 8.
    pub output_tokens: Tokens,
    /// Whether requests say their class; without it each comes with no shape.
    #[serde(default = "yes")]
    pub known: bool,
}

fn yes() -> bool {
    true
}

/// A log-normal count.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    /// Half are below.
    pub median: f64,
    /// Standard deviation of the logarithm.
    pub sigma: f64,
    /// None is above.
    pub max: f64,
}

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

/// A change of speed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpeedChange {
    /// Fraction of the run.
    pub from: f64,
    /// Fraction of the run.
    pub to: f64,
    /// Whose.
    pub host: String,
    /// Speed is multiplied by this.
    pub factor: f64,
}

/// A fault.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Fraction of the run.
    pub from: f64,
    /// Fraction of the run.
    pub to: f64,
    /// Whose.
    pub host: String,
    /// What.
    pub kind: FaultKind,
}

/// What can go wrong with a host.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Connections are refused; calls under way break.
    Down,
    /// Connections are taken, nothing moves.
    Hang,
    /// New calls get 503.
    Busy,
    /// A call of a model that is not loaded gets an out-of-memory error.
    Oom,
    /// Calls under way when it begins break in mid-stream, and new ones soon after their first token.
    Cut,
    /// A fifth of the speed.
    Slow,
}

/// Another process.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForeignLoad {
    /// Fraction of the run.
    pub from: f64,
    /// Fraction of the run.
    pub to: f64,
    /// Whose.
    pub host: String,
    /// Share of the CPU it takes.
    #[serde(default)]
    pub cpu: f64,
    /// Memory it takes.
    #[serde(default)]
    pub memory_gb: f64,
}

/// A host that joins later.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// Which.
    pub host: String,
    /// Fraction of the run.
    pub at: f64,
}

/// Why a scenario was refused: where, and what would be right.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{place}: {message}")]
pub struct ScenarioError {
    /// The key at fault, as a path.
    pub place: String,
    /// What is wrong and what is allowed.
    pub message: String,
}

type Checked = Result<(), ScenarioError>;

fn refuse(place: impl Into<String>, message: impl Into<String>) -> ScenarioError {
    ScenarioError { place: place.into(), message: message.into() }
}

fn within(place: impl Into<String>, value: f64, low: f64, high: f64) -> Checked {
    if value.is_finite() && (low..=high).contains(&value) {
        return Ok(());
    }
    Err(refuse(place, format!("is {value}; it must be from {low} to {high}")))
}

impl Scenario {
    /// Reads and checks a scenario.
    ///
    /// # Errors
    /// JSON that is no scenario, an unknown key, a name that is not defined, a number out of its range.
    pub fn from_json(json: &str) -> Result<Self, ScenarioError> {
        let scenario: Self =
            serde_json::from_str(json).map_err(|error| refuse("scenario", error.to_string()))?;
        scenario.check()?;
        Ok(scenario)
    }

    fn check(&self) -> Checked {
        for (place, empty) in [
            ("hosts", self.hosts.is_empty()),
            ("models", self.models.is_empty()),
            ("classes", self.classes.is_empty()),
        ] {
            if empty {
                return Err(refuse(place, "must not be empty"));
            }
        }
        unique("hosts", self.hosts.iter().map(|host| host.id.as_str()))?;
        unique("models", self.models.iter().map(|model| model.id.as_str()))?;
        unique("classes", self.classes.iter().map(|class| class.id.as_str()))?;
        for (index, host) in self.hosts.iter().enumerate() {
            host.check(&format!("hosts[{index}]"))?;
        }
        for (index, model) in self.models.iter().enumerate() {
            model.check(&format!("models[{index}]"))?;
        }
        for (index, class) in self.classes.iter().enumerate() {
            self.check_class(&format!("classes[{index}]"), class)?;
        }
        within("arrivals.per_s", self.arrivals.per_s, 1e-6, 1e6)?;
        within("arrivals.cv", self.arrivals.cv, 0.01, 20.0)?;
        within("arrivals.batch", self.arrivals.batch as f64, 1.0, 1e6)?;
        self.check_patterns()?;
        let least = if self.patterns.is_empty() { 1.0 } else { 0.0 };
        within("requests", self.requests as f64, least, 10_000_000.0)?;
        within("noise_sigma", self.noise_sigma, 0.0, 3.0)?;
        for (index, change) in self.speed_changes.iter().enumerate() {
            let place = format!("speed_changes[{index}]");
            self.check_span(&place, change.from, change.to, &change.host)?;
            within(format!("{place}.factor"), change.factor, 1e-3, 1e3)?;
        }
        for (index, fault) in self.faults.iter().enumerate() {
            self.check_span(&format!("faults[{index}]"), fault.from, fault.to, &fault.host)?;
        }
        for (index, load) in self.foreign_loads.iter().enumerate() {
            let place = format!("foreign_loads[{index}]");
            self.check_span(&place, load.from, load.to, &load.host)?;
            within(format!("{place}.cpu"), load.cpu, 0.0, 0.99)?;
            within(format!("{place}.memory_gb"), load.memory_gb, 0.0, 1e6)?;
        }
        for (index, join) in self.joins.iter().enumerate() {
            self.check_span(&format!("joins[{index}]"), join.at, 1.0, &join.host)?;
        }
        Ok(())
    }

    fn check_patterns(&self) -> Checked {
        let least = if self.patterns.is_empty() { 0.0 } else { 0.01 };
        within("days", self.days, least, 3_650.0)?;
        for (index, pattern) in self.patterns.iter().enumerate() {
            let place = format!("patterns[{index}]");
            if !self.classes.iter().any(|class| class.id == pattern.class) {
                let message = format!("no class is called \"{}\"", pattern.class);
                return Err(refuse(format!("{place}.class"), message));
            }
            within(format!("{place}.per_day"), pattern.per_day, 0.0, 1e6)?;
            let [from, to] = pattern.hours;
            within(format!("{place}.hours[0]"), from, 0.0, 24.0)?;
            within(format!("{place}.hours[1]"), to, from, 24.0)?;
            let [begin, end] = pattern.weekdays;
            within(format!("{place}.weekdays[0]"), f64::from(begin), 1.0, 7.0)?;
            within(format!("{place}.weekdays[1]"), f64::from(end), f64::from(begin), 7.0)?;
            within(format!("{place}.jitter_s"), pattern.jitter_s, 0.0, 86_400.0)?;
            within(format!("{place}.length.median"), pattern.length.median, 1.0, 1e6)?;
            within(format!("{place}.length.sigma"), pattern.length.sigma, 0.0, 5.0)?;
            if let Some(gap) = pattern.gap_s {
                within(format!("{place}.gap_s.median"), gap.median, 0.0, 1e6)?;
                within(format!("{place}.gap_s.sigma"), gap.sigma, 0.0, 5.0)?;
            }
            if let Some(wrong) = pattern.at.iter().find(|at| clock_s(at).is_none()) {
                let message = format!("\"{wrong}\" is no time of the day; write 07:30");
                return Err(refuse(format!("{place}.at"), message));
            }
            if pattern.kind == PatternKind::Cron && pattern.at.is_empty() {
                return Err(refuse(format!("{place}.at"), "must not be empty"));
            }
        }
        Ok(())
    }

    fn check_class(&self, place: &str, class: &Class) -> Checked {
        within(format!("{place}.share"), class.share, 1e-9, 1e9)?;
        class.prompt_tokens.check(&format!("{place}.prompt_tokens"))?;
        class.output_tokens.check(&format!("{place}.output_tokens"))?;
        if class.models.is_empty() {
            return Err(refuse(format!("{place}.models"), "must not be empty"));
        }
        let unknown = class.models.iter().find(|name| self.model(name).is_none());
        unknown.map_or(Ok(()), |name| {
            Err(refuse(format!("{place}.models"), format!("no model is called \"{name}\"")))
        })
    }

    fn check_span(&self, place: &str, from: f64, to: f64, host: &str) -> Checked {
        within(format!("{place}.from"), from, 0.0, 1.0)?;
        within(format!("{place}.to"), to, from, 1.0)?;
        match self.host(host) {
            Some(_) => Ok(()),
            None => Err(refuse(format!("{place}.host"), format!("no host is called \"{host}\""))),
        }
    }

    /// The position of a host.
    pub fn host(&self, id: &str) -> Option<usize> {
        self.hosts.iter().position(|host| host.id == id)
    }

    /// The position of a model.
    pub fn model(&self, id: &str) -> Option<usize> {
        self.models.iter().position(|model| model.id == id)
    }
}

fn unique<'a>(place: &str, names: impl Iterator<Item = &'a str>) -> Checked {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if name.trim().is_empty() {
            return Err(refuse(place, "a name must not be empty"));
        }
        if !seen.insert(name) {
            return Err(refuse(place, format!("\"{name}\" is used twice")));
        }
    }
    Ok(())
}

impl Host {
    fn check(&self, place: &str) -> Checked {
        within(format!("{place}.speed"), self.speed, 1e-3, 1e3)?;
        within(format!("{place}.memory_gb"), self.memory_gb, 1e-3, 1e6)?;
        within(format!("{place}.disk_gb_per_s"), self.disk_gb_per_s, 1e-4, 1e4)?;
        within(format!("{place}.sharing"), self.sharing, 0.0, 2.0)?;
        within(format!("{place}.parallel"), f64::from(self.parallel), 1.0, 1024.0)?;
        within(format!("{place}.max_loaded"), f64::from(self.max_loaded), 1.0, 1024.0)?;
        within(format!("{place}.start_s"), self.start_s.unwrap_or(1.0), 0.1, 3_600.0)?;
        within(format!("{place}.idle_memory_gb"), self.idle_memory_gb, 0.0, 1e5)
    }
}

impl Model {
    fn check(&self, place: &str) -> Checked {
        within(format!("{place}.gb"), self.gb, 1e-3, 1e5)?;
        within(format!("{place}.prefill_tok_per_s"), self.prefill_tok_per_s, 1e-2, 1e7)?;
        within(format!("{place}.decode_tok_per_s"), self.decode_tok_per_s, 1e-2, 1e7)
    }
}

impl Tokens {
    fn check(&self, place: &str) -> Checked {
        within(format!("{place}.median"), self.median, 1.0, 1e7)?;
        within(format!("{place}.sigma"), self.sigma, 0.0, 5.0)?;
        within(format!("{place}.max"), self.max, self.median, 1e7)
    }
}

/// Seconds since midnight of `07:30`.
pub(super) fn clock_s(text: &str) -> Option<f64> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 24 && minutes < 60).then(|| f64::from(hours * 3_600 + minutes * 60))
}
