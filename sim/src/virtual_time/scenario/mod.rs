//! A scenario file: hosts, models, classes of requests, arrivals, and what goes wrong.

mod arrivals;
mod disturbance;
mod range;

use serde::{Deserialize, Serialize};

pub use arrivals::Arrivals;
pub(super) use arrivals::{Pattern, PatternKind, Spread, clock_s};
use disturbance::Join;
pub use disturbance::{Fault, FaultKind, ForeignLoad, SpeedChange};
pub use range::ScenarioError;
use range::{Checked, refuse, unique, within};

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
    /// Requests in a run, if no patterns are named.
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

/// A class of requests: what they ask for and how large they are.
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
        self.arrivals.check()?;
        let least = if self.patterns.is_empty() { 0.0 } else { 0.01 };
        within("days", self.days, least, 3_650.0)?;
        for (index, pattern) in self.patterns.iter().enumerate() {
            pattern.check(&format!("patterns[{index}]"), &self.classes)?;
        }
        let least = if self.patterns.is_empty() { 1.0 } else { 0.0 };
        within("requests", self.requests as f64, least, 10_000_000.0)?;
        within("noise_sigma", self.noise_sigma, 0.0, 3.0)?;
        for (index, change) in self.speed_changes.iter().enumerate() {
            change.check(&format!("speed_changes[{index}]"), &self.hosts)?;
        }
        for (index, fault) in self.faults.iter().enumerate() {
            fault.check(&format!("faults[{index}]"), &self.hosts)?;
        }
        for (index, load) in self.foreign_loads.iter().enumerate() {
            load.check(&format!("foreign_loads[{index}]"), &self.hosts)?;
        }
        for (index, join) in self.joins.iter().enumerate() {
            join.check(&format!("joins[{index}]"), &self.hosts)?;
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

    /// The position of a host.
    pub fn host(&self, id: &str) -> Option<usize> {
        self.hosts.iter().position(|host| host.id == id)
    }

    /// The position of a model.
    pub fn model(&self, id: &str) -> Option<usize> {
        self.models.iter().position(|model| model.id == id)
    }
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
