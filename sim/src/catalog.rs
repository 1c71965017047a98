//! Installed models with all that is derived from their configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::config::{Capability, Config, ConfigError, GB, ModelConfig, Oversize};
use crate::duration::nanos;
use crate::name::ModelName;
use crate::random::Random;
use crate::scheduler::{Dimensions, Nanos, predicted_bytes};

/// An installed model.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) name: ModelName,
    /// What tags, ps and faults call it.
    pub(crate) short: Arc<str>,
    /// The model file, which names the runner.
    pub(crate) key: Arc<str>,
    pub(crate) digest: String,
    pub(crate) modified_at: Timestamp,
    pub(crate) size_bytes: u64,
    pub(crate) parameters: u64,
    pub(crate) parameter_size: String,
    pub(crate) dimensions: Dimensions,
    pub(crate) load_time: Nanos,
    /// Nanoseconds of work per prompt token and per output token; 0 is instant.
    pub(crate) prefill_ns: f64,
    pub(crate) decode_ns: f64,
    pub(crate) slots: u32,
    pub(crate) config: ModelConfig,
}

impl Model {
    pub(crate) fn can(&self, capability: Capability) -> bool {
        self.config.capabilities.contains(&capability)
    }

    /// Numbers in an embedding; a chat model gives its hidden state.
    pub(crate) fn embedding_length(&self) -> u64 {
        if self.can(Capability::Embedding) { self.config.embedding_length } else { self.dimensions.embedding }
    }

    /// Bytes a runner with this context takes.
    pub(crate) fn resident_bytes(&self, num_ctx: u64) -> u64 {
        self.config.memory_gb.map_or_else(
            || {
                let num_ctx = num_ctx.min(self.config.context_length);
                predicted_bytes(self.size_bytes, &self.dimensions, num_ctx, u64::from(self.slots))
            },
            |gb| (gb * GB) as u64,
        )
    }
}

/// All installed models of a host.
#[derive(Debug)]
pub(crate) struct Catalog {
    models: BTreeMap<String, Arc<Model>>,
}

impl Catalog {
    pub(crate) fn new(config: &Config) -> Result<Self, ConfigError> {
        let mut models = BTreeMap::new();
        for model in &config.models {
            let model = derive(config, model)?;
            if let Some(twin) = models.insert(model.name.folded(), Arc::new(model)) {
                return Err(ConfigError::range("models", format!("{} is listed twice", twin.short)));
            }
        }
        Ok(Self { models })
    }

    pub(crate) fn find(&self, name: &ModelName) -> Option<&Arc<Model>> {
        self.models.get(&name.folded())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Model>> {
        self.models.values()
    }

    /// The model whose short name this is: the one that loaded a runner.
    pub(crate) fn by_short(&self, short: &str) -> Option<&Arc<Model>> {
        self.models.values().find(|model| &*model.short == short)
    }
}

fn derive(config: &Config, model: &ModelConfig) -> Result<Model, ConfigError> {
    let key = format!("models.{}", model.name);
    let name = ModelName::parse(&model.name)
        .map_err(|_| ConfigError::range(&key, "not a model name that Ollama takes"))?;
    let positive = [("size_gb", model.size_gb), ("memory_gb", model.memory_gb.unwrap_or(1.0))];
    let others = [
        ("prefill_tok_per_s", model.prefill_tok_per_s),
        ("decode_tok_per_s", model.decode_tok_per_s),
        ("load_s", model.load_s.unwrap_or(0.0)),
    ];
    for (field, value) in positive.into_iter().chain(others) {
        if !(value.is_finite() && value >= 0.0) {
            return Err(ConfigError::range(
                format!("{key}.{field}"),
                format!("{value} is not a size or rate"),
            ));
        }
    }
    let size_bytes = (model.size_gb * GB) as u64;
    let parameters = model
        .parameter_size
        .as_deref()
        .and_then(read_parameters)
        .unwrap_or((model.size_gb * GB / 0.6) as u64);
    let file = model.blob.clone().unwrap_or_else(|| name.folded());
    let load_s = model.load_s.or(config.disk_gb_per_s.map(|disk| 0.5 + model.size_gb / disk)).unwrap_or(0.0);
    let embeds = !model.capabilities.contains(&Capability::Completion);
    let mut derived = Model {
        short: name.short().into(),
        digest: digest(&name.folded()),
        key: file.into(),
        modified_at: Timestamp::now(),
        size_bytes,
        parameters,
        parameter_size: model.parameter_size.clone().unwrap_or_else(|| show_parameters(parameters)),
        dimensions: dimensions(parameters),
        load_time: nanos(load_s),
        prefill_ns: per_token(model.prefill_tok_per_s, config.speed),
        decode_ns: per_token(model.decode_tok_per_s, config.speed),
        slots: if embeds { 1 } else { config.parallel.max(1) },
        name,
        config: model.clone(),
    };
    let memory = config.memory_gb.map_or(u64::MAX, |gb| (gb * GB) as u64);
    if config.oversize == Oversize::Slow && derived.resident_bytes(config.num_ctx) > memory {
        derived.prefill_ns *= 5.0;
        derived.decode_ns *= 5.0;
    }
    Ok(derived)
}

fn per_token(tokens_per_s: f64, speed: f64) -> f64 {
    if tokens_per_s > 0.0 { 1e9 / (tokens_per_s * speed) } else { 0.0 }
}

/// `3.8B`, `135M` or a plain number.
fn read_parameters(text: &str) -> Option<u64> {
    let scale = match text.chars().last()? {
        'B' | 'b' => 1e9,
        'M' | 'm' => 1e6,
        'K' | 'k' => 1e3,
        _ => 1.0,
    };
    let number: f64 = text.trim_end_matches(char::is_alphabetic).parse().ok()?;
    Some((number * scale) as u64)
}

fn show_parameters(parameters: u64) -> String {
    let parameters = parameters as f64;
    if parameters >= 1e9 { format!("{:.1}B", parameters / 1e9) } else { format!("{:.2}M", parameters / 1e6) }
}

/// Typical dimensions of open models of that size.
fn dimensions(parameters: u64) -> Dimensions {
    let (layers, heads, kv_heads, embedding) = match parameters {
        0..500_000_000 => (24, 14, 2, 896),
        500_000_000..2_000_000_000 => (16, 32, 8, 2048),
        2_000_000_000..5_000_000_000 => (28, 24, 8, 3072),
        5_000_000_000..10_000_000_000 => (32, 32, 8, 4096),
        10_000_000_000..20_000_000_000 => (48, 40, 8, 5120),
        _ => (80, 64, 8, 8192),
    };
    Dimensions { layers, heads, kv_heads, embedding }
}

fn digest(text: &str) -> String {
    let mut random = Random::from_parts(0, &[text]);
    let mut half = || (u128::from(random.next()) << 64) | u128::from(random.next());
    format!("{:032x}{:032x}", half(), half())
}
