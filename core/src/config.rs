//! What the owner says: hosts, the models to use, limits. Checked once, when a dispatcher is made.

use crate::json;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::lifecycle::{LifecycleConfig, START_RANGES, StartConfig};
use crate::names::{HostId, ModelName};
use crate::range::{ConfigError, Range, within};
use crate::tuning::{LookAhead, Tuning};

/// Everything a dispatcher is told before its first event. No URL, no credential.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts", optional_fields))]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The fleet; at least one host.
    pub hosts: Vec<HostConfig>,
    /// Models to use, most modest first. On a host that has some of them, only these serve
    /// generation; a host that has none offers whatever it has. An empty list means every model. Absent: `phi3:mini`,
    /// `llama3.2:3b` and `qwen2.5:7b`, where one of them can do what is asked.
    #[serde(default = "default_chain")]
    #[cfg_attr(feature = "typescript", ts(as = "Option<Vec<ModelName>>", optional))]
    pub models: Vec<ModelName>,
    /// The owner's limits on a host's use.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(as = "Option<Limits>", optional))]
    pub limits: Limits,
    /// Seconds between two scrapes of the metrics server. A signal older than three is stale.
    #[serde(default = "default_scrape_interval")]
    #[cfg_attr(feature = "typescript", ts(as = "Option<f64>", optional))]
    pub scrape_interval_s: f64,
    /// Milliseconds between two looks at a host or at the metrics while jobs come in.
    #[serde(default = "default_refresh_ms")]
    #[cfg_attr(feature = "typescript", ts(as = "Option<u32>", optional))]
    pub refresh_ms: u32,
    /// Whether a metrics server will send [`Signals`](crate::Event::Signals); without one nobody waits for it.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(as = "Option<bool>", optional))]
    pub metrics: bool,
    /// Calls one job may make before it gives up.
    #[serde(default = "default_attempts")]
    #[cfg_attr(feature = "typescript", ts(as = "Option<u32>", optional))]
    pub max_attempts: u32,
    /// Milliseconds a host may take to accept a call.
    #[serde(default = "default_connect_ms")]
    #[cfg_attr(feature = "typescript", ts(as = "Option<u32>", optional))]
    pub connect_timeout_ms: u32,
    /// Milliseconds a job waits for a model to load before it asks another arm; the load goes on. Absent: learned for each
    /// host, ten minutes at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_timeout_ms: Option<u32>,
    /// Milliseconds a loaded model may take for the first piece of an answer. Absent: learned for each model, ten minutes
    /// at most. An answer that comes whole is given the time of its writing on top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_token_timeout_ms: Option<u32>,
    /// Milliseconds without a new piece after which an answer counts as stuck. Absent: it depends on what is written, 30 seconds at
    /// most for text, ten minutes for a tool call, which comes whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stall_timeout_ms: Option<u32>,
    /// Milliseconds after which an answer is ended that its client does not read. Absent: two minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_timeout_ms: Option<u32>,
    /// Whether a host that failed is tried with a canary when its pause is over: a loaded model is asked for one token before a job is
    /// sent there.
    #[serde(default = "default_canary")]
    #[cfg_attr(feature = "typescript", ts(as = "Option<bool>", optional))]
    pub canary: bool,
    /// Jobs that may wait for an arm; one more is refused.
    #[serde(default = "default_queue")]
    #[cfg_attr(feature = "typescript", ts(as = "Option<u32>", optional))]
    pub max_queue: u32,
    /// Whether contested choices are played through before they are made.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(as = "Option<LookAhead>", optional))]
    pub look_ahead: LookAhead,
    /// How models come and go by themselves.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(as = "Option<LifecycleConfig>", optional))]
    pub lifecycle: LifecycleConfig,
    /// How good models are, and how good they must be.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(as = "Option<QualityConfig>", optional))]
    pub quality: QualityConfig,
    /// How much each idea counts in the decision; a weight left out keeps its default.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(type = "Partial<Tuning>", optional))]
    pub tuning: Tuning,
}

/// One host of the fleet.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts", optional_fields))]
#[serde(deny_unknown_fields)]
pub struct HostConfig {
    /// Its name in every decision, metric and message.
    pub id: HostId,
    /// Requests one loaded model answers at a time (`OLLAMA_NUM_PARALLEL`). Absent: found out. It begins with 1, as Ollama does, and
    /// doubles the number as long as no request had to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallel: Option<u32>,
    /// Models the host keeps in memory at most (`OLLAMA_MAX_LOADED_MODELS`).
    #[serde(default = "default_max_loaded")]
    #[cfg_attr(feature = "typescript", ts(as = "Option<u32>", optional))]
    pub max_loaded: u32,
    /// Seconds an idle model stays in memory (`OLLAMA_KEEP_ALIVE`). Calls ask for this long and, from 300 on, for longer, so that
    /// the model worth least makes way first. 0 leaves it to the host. Absent: learned from how long models stay after calls without a `keep_alive`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_alive_s: Option<u32>,
    /// Gigabytes (10^9 bytes) of memory for models: the GPU's, if the host has one. Absent: measured, or learned from which models were
    /// loaded together and which were pushed out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_gb: Option<f64>,
    /// The `instance` label of the host's exporters: `host`, or `host:port` to tell two apart. Absent: the host name of its URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The machine the host runs on, by a name of your choice; hosts with one name share a machine. Absent: `instance` if that is set,
    /// else learned from whether their answers slow one another. At first each counts as alone on its machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// How the host is started when it is needed. Absent: Smart AI neither starts nor stops it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<StartConfig>,
}

impl HostConfig {
    /// A host with Ollama's defaults.
    pub fn new(id: impl Into<HostId>) -> Self {
        Self {
            id: id.into(),
            parallel: None,
            max_loaded: 3,
            keep_alive_s: None,
            memory_gb: None,
            instance: None,
            machine: None,
            start: None,
        }
    }
}

/// Limits beyond which a host gets no job. An unknown or stale signal never excludes.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts", optional_fields))]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Percent of CPU time in use, 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cpu_percent: Option<f64>,
    /// Percent of memory that must be available, 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_free_memory_percent: Option<f64>,
}

/// How good models are, and how good they must be; 0 is useless, 1 as good as can be.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts", optional_fields))]
#[serde(default, deny_unknown_fields)]
pub struct QualityConfig {
    /// The least quality that each mode takes.
    #[cfg_attr(feature = "typescript", ts(as = "Option<Floors>", optional))]
    pub floors: Floors,
    /// Quality of a model, by its tag, in place of the published results. Ratings still move it.
    #[cfg_attr(
        feature = "typescript",
        ts(as = "Option<std::collections::BTreeMap<ModelName, f64>>", optional)
    )]
    pub models: BTreeMap<ModelName, f64>,
}

/// The least quality a mode takes. Models below it serve only if no better one can.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts", optional_fields))]
#[serde(default, deny_unknown_fields)]
pub struct Floors {
    /// Of mode fast.
    #[cfg_attr(feature = "typescript", ts(as = "Option<f64>", optional))]
    pub fast: f64,
    /// Of mode balanced.
    #[cfg_attr(feature = "typescript", ts(as = "Option<f64>", optional))]
    pub balanced: f64,
    /// Of mode best.
    #[cfg_attr(feature = "typescript", ts(as = "Option<f64>", optional))]
    pub best: f64,
}

impl Default for Floors {
    fn default() -> Self {
        Self { fast: 0.0, balanced: 0.2, best: 0.4 }
    }
}

/// The ranges of the fleet's numbers.
const RANGES: &[Range<Config>] = &[
    Range::of("limits.max_cpu_percent", 0.0, 100.0, |config| config.limits.max_cpu_percent),
    Range::of("limits.min_free_memory_percent", 0.0, 100.0, |config| config.limits.min_free_memory_percent),
    Range::of("scrape_interval_s", 0.1, 3600.0, |config| Some(config.scrape_interval_s)),
    Range::of("refresh_ms", 100.0, 3_600_000.0, |config| Some(config.refresh_ms.into())),
    Range::of("max_attempts", 1.0, 100.0, |config| Some(config.max_attempts.into())),
    Range::of("connect_timeout_ms", 10.0, 600_000.0, |config| Some(config.connect_timeout_ms.into())),
    Range::of("load_timeout_ms", 100.0, 3_600_000.0, |config| config.load_timeout_ms.map(f64::from)),
    Range::of("first_token_timeout_ms", 100.0, 3_600_000.0, |config| {
        config.first_token_timeout_ms.map(f64::from)
    }),
    Range::of("stall_timeout_ms", 100.0, 3_600_000.0, |config| config.stall_timeout_ms.map(f64::from)),
    Range::of("client_timeout_ms", 100.0, 3_600_000.0, |config| config.client_timeout_ms.map(f64::from)),
    Range::of("max_queue", 0.0, 1_000_000.0, |config| Some(config.max_queue.into())),
    Range::of("quality.floors.fast", 0.0, 1.0, |config| Some(config.quality.floors.fast)),
    Range::of("quality.floors.balanced", 0.0, 1.0, |config| Some(config.quality.floors.balanced)),
    Range::of("quality.floors.best", 0.0, 1.0, |config| Some(config.quality.floors.best)),
];

/// The ranges of one host's numbers.
const HOST_RANGES: &[Range<HostConfig>] = &[
    Range::of("parallel", 1.0, 1024.0, |host| host.parallel.map(f64::from)),
    Range::of("max_loaded", 1.0, 1024.0, |host| Some(host.max_loaded.into())),
    Range::of("keep_alive_s", 0.0, 31_536_000.0, |host| host.keep_alive_s.map(f64::from)),
    Range::of("memory_gb", 0.01, 100_000.0, |host| host.memory_gb),
];

impl Config {
    /// Defaults for these hosts.
    pub fn new(hosts: Vec<HostConfig>) -> Self {
        Self {
            hosts,
            models: default_chain(),
            limits: Limits::default(),
            scrape_interval_s: default_scrape_interval(),
            refresh_ms: default_refresh_ms(),
            metrics: false,
            max_attempts: default_attempts(),
            connect_timeout_ms: default_connect_ms(),
            load_timeout_ms: None,
            first_token_timeout_ms: None,
            stall_timeout_ms: None,
            client_timeout_ms: None,
            canary: default_canary(),
            max_queue: default_queue(),
            look_ahead: LookAhead::default(),
            lifecycle: LifecycleConfig::default(),
            quality: QualityConfig::default(),
            tuning: Tuning::default(),
        }
    }

    /// Milliseconds after which a signal is stale: three scrape intervals.
    pub fn stale_after_ms(&self) -> u64 {
        (self.scrape_interval_s * 3_000.0) as u64
    }

    /// Reads a configuration from JSON.
    ///
    /// # Errors
    /// JSON that is not a configuration, an unknown key, or a value [`Config::validate`] refuses.
    pub fn from_json(text: &str) -> Result<Self, ConfigError> {
        let config: Self = json::from_str(text)?;
        config.validate()?;
        Ok(config)
    }

    /// Checks every value.
    ///
    /// # Errors
    /// The first key that is out of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.hosts.is_empty() {
            return Err(ConfigError::new("hosts", "name at least one Ollama server"));
        }
        for (index, host) in self.hosts.iter().enumerate() {
            host.validate(index)?;
            if self.hosts.iter().take(index).any(|other| other.id == host.id) {
                return Err(ConfigError::new(
                    format!("hosts[{index}].id"),
                    format!("\"{}\" is used twice; give each host a name of its own", host.id),
                ));
            }
        }
        for range in RANGES {
            range.check("", self)?;
        }
        for (name, quality) in &self.quality.models {
            within(&format!("quality.models.{name}"), *quality, 0.0, 1.0)?;
        }
        self.lifecycle.validate()?;
        self.tuning.validate()
    }

    /// Every number that must be within a range: its key, such as `hosts.parallel`, the least and the most it may be.
    pub fn ranges() -> Vec<(String, f64, f64)> {
        let own = RANGES.iter().map(|range| (range.key.to_owned(), range.low, range.high));
        let hosts = HOST_RANGES.iter().map(|range| (format!("hosts.{}", range.key), range.low, range.high));
        let starts =
            START_RANGES.iter().map(|range| (format!("hosts.start.{}", range.key), range.low, range.high));
        own.chain(hosts).chain(starts).chain(LifecycleConfig::ranges()).chain(Tuning::ranges()).collect()
    }
}

impl HostConfig {
    fn validate(&self, index: usize) -> Result<(), ConfigError> {
        let place = format!("hosts[{index}].");
        if self.id.as_str().trim().is_empty() {
            return Err(ConfigError::new(place + "id", "must not be empty"));
        }
        HOST_RANGES.iter().try_for_each(|range| range.check(&place, self))?;
        let place = place + "start.";
        self.start
            .iter()
            .try_for_each(|start| START_RANGES.iter().try_for_each(|range| range.check(&place, start)))
    }
}

impl Config {
    /// Whether nobody named the models to use.
    pub(crate) fn has_default_models(&self) -> bool {
        self.models.iter().map(ModelName::as_str).eq(DEFAULT_CHAIN)
    }
}

/// The models to use where nobody names any.
const DEFAULT_CHAIN: [&str; 3] = ["phi3:mini", "llama3.2:3b", "qwen2.5:7b"];

fn default_chain() -> Vec<ModelName> {
    DEFAULT_CHAIN.map(ModelName::from).to_vec()
}

fn default_max_loaded() -> u32 {
    3
}

fn default_scrape_interval() -> f64 {
    15.0
}

fn default_refresh_ms() -> u32 {
    5_000
}

fn default_attempts() -> u32 {
    4
}

fn default_connect_ms() -> u32 {
    2_000
}

fn default_queue() -> u32 {
    10_000
}

fn default_canary() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(json: &str) -> String {
        match Config::from_json(json) {
            Ok(config) => format!("accepted: {config:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn an_unknown_key_is_named() {
        let text = refusal(r#"{"hosts":[{"id":"pc"}],"limts":{}}"#);
        assert!(text.contains("unknown field `limts`") && text.contains("limits"), "{text}");
    }

    #[test]
    fn a_value_out_of_range_says_where_and_what_is_allowed() {
        assert_eq!(refusal(r#"{"hosts":[]}"#), "hosts: name at least one Ollama server");
        assert_eq!(
            refusal(r#"{"hosts":[{"id":"pc","parallel":0}]}"#),
            "hosts[0].parallel: is 0; it must be from 1 to 1024"
        );
        assert_eq!(
            refusal(r#"{"hosts":[{"id":"pc"}],"limits":{"max_cpu_percent":130}}"#),
            "limits.max_cpu_percent: is 130; it must be from 0 to 100"
        );
    }

    #[test]
    fn a_name_used_twice_is_refused() {
        assert!(refusal(r#"{"hosts":[{"id":"pc"},{"id":"pc"}]}"#).starts_with("hosts[1].id:"));
    }
}
