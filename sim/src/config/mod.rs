//! What a host is: its limits, its speed, its models and what is wrong with it.

mod flag;
mod model;

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

pub use flag::model_flag;
pub use model::{Capability, ModelConfig};

use crate::duration;
use crate::fault::Fault;
use crate::scheduler::{Limits, Memory};

/// Bytes of one GB (decimal, as Ollama shows sizes).
pub const GB: f64 = 1e9;

/// A simulated Ollama host. Every key has a default; unknown keys are errors.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Port of Ollama's API on 127.0.0.1; 0 picks a free one.
    pub port: u16,
    /// Port of the control API, which stays reachable when the host is down; 0 picks a free one.
    pub control_port: u16,
    /// What `/api/version` says; texts and fields follow it.
    pub version: String,
    /// Memory for models in GB; absent means that it never binds.
    pub memory_gb: Option<f64>,
    /// Share of the free memory that a further model may take.
    pub fit: f64,
    /// What happens to a model larger than the memory.
    pub oversize: Oversize,
    /// Whether models sit in GPU memory (`size_vram` = `size`) or not (0).
    pub gpu: bool,
    /// `OLLAMA_NUM_PARALLEL`: requests one model answers at once.
    pub parallel: u32,
    /// `OLLAMA_MAX_QUEUE`.
    pub max_queue: usize,
    /// `OLLAMA_MAX_LOADED_MODELS`; 0 means Ollama's own 3.
    pub max_loaded: usize,
    /// `OLLAMA_KEEP_ALIVE`: `"5m"`, seconds, or negative for ever.
    pub keep_alive: Value,
    /// `OLLAMA_CONTEXT_LENGTH`.
    pub num_ctx: u64,
    /// Whether busy runners slow each other (host speed ÷ busy runners).
    pub share: bool,
    /// Speed of the host; multiplies the models' rates.
    pub speed: f64,
    /// Reading speed; a model without `load_s` loads in 0.5 s + size ÷ this.
    pub disk_gb_per_s: Option<f64>,
    /// Seconds until the memory of an unloaded model is free.
    pub unload_s: f64,
    /// Seed of the generated text and of fault probabilities.
    pub seed: u64,
    /// Installed models.
    pub models: Vec<ModelConfig>,
    /// Faults present from the start.
    pub faults: Vec<Fault>,
}

/// What happens to a model larger than the host's memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Oversize {
    /// 500 `model requires more system memory (…) than is available (…)`, as Ollama 0.24 on a CPU.
    #[default]
    Refuse,
    /// It loads and runs 5 times slower (partial offload).
    Slow,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            port: 0,
            control_port: 0,
            version: "0.24.0".to_owned(),
            memory_gb: None,
            fit: 0.8,
            oversize: Oversize::Refuse,
            gpu: false,
            parallel: 1,
            max_queue: 512,
            max_loaded: 0,
            keep_alive: Value::from("5m"),
            num_ctx: 4096,
            share: false,
            speed: 1.0,
            disk_gb_per_s: None,
            unload_s: 0.0,
            seed: 0,
            models: Vec::new(),
            faults: Vec::new(),
        }
    }
}

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// Path as given.
        path: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Not TOML or JSON, or an unknown key, or a wrong type.
    #[error("{path}: {reason}")]
    Malformed {
        /// Path as given.
        path: String,
        /// Where and what.
        reason: String,
    },
    /// A value out of its range.
    #[error("{key}: {reason}")]
    OutOfRange {
        /// The key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl ConfigError {
    pub(crate) fn range(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::OutOfRange { key: key.into(), reason: reason.into() }
    }
}

impl Config {
    /// Reads a `.json` file as JSON and any other as TOML.
    ///
    /// # Errors
    /// [`ConfigError`] with the place of the mistake.
    pub fn from_file(path: &Path) -> Result<Self, ConfigError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: shown.clone(), source })?;
        let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        let parsed = if is_json {
            serde_json::from_str(&text).map_err(|error| error.to_string())
        } else {
            toml::from_str(&text).map_err(|error| error.to_string())
        };
        parsed.map_err(|reason| ConfigError::Malformed { path: shown, reason })
    }

    /// The scheduler's limits.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] for what no host can be.
    pub fn limits(&self) -> Result<Limits, ConfigError> {
        let keep_alive = duration::keep_alive(&self.keep_alive)
            .map_err(|reason| ConfigError::range("keep_alive", reason))?;
        for (key, value) in
            [("speed", self.speed), ("fit", self.fit), ("memory_gb", self.memory_gb.unwrap_or(1.0))]
        {
            if !(value.is_finite() && value > 0.0) {
                return Err(ConfigError::range(key, format!("must be a positive number, not {value}")));
            }
        }
        Ok(Limits {
            max_queue: self.max_queue,
            max_loaded: if self.max_loaded == 0 { 3 } else { self.max_loaded },
            memory: Memory { total: self.memory_gb.map(|gb| (gb * GB) as u64), fit: self.fit },
            refuse_oversize: self.oversize == Oversize::Refuse,
            keep_alive,
            unload_time: duration::nanos(self.unload_s),
        })
    }

    /// Whether the host speaks as Ollama `major.minor` or later does.
    pub fn is_at_least(&self, major: u64, minor: u64) -> bool {
        let mut numbers = self.version.split(['.', '-']).map(|part| part.parse::<u64>().unwrap_or(0));
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (major, minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_are_named() {
        let error =
            toml::from_str::<Config>("[[models]]\nname = 'a'\nsize = 2\n").err().map(|e| e.to_string());
        assert!(error.is_some_and(|text| text.contains("unknown field `size`")));
    }

    #[test]
    fn versions_compare_by_number() {
        let config = Config { version: "0.30.1".into(), ..Config::default() };
        assert!(config.is_at_least(0, 30) && !config.is_at_least(0, 31) && config.is_at_least(0, 9));
    }

    #[test]
    fn a_host_without_memory_is_refused() {
        let config = Config { memory_gb: Some(0.0), ..Config::default() };
        assert!(config.limits().is_err_and(|error| error.to_string().starts_with("memory_gb: must be")));
    }
}
