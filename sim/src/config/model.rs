//! One installed model.

use serde::{Deserialize, Serialize};

/// What a model can do, in Ollama's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// Chat and generate.
    Completion,
    /// Tool calls.
    Tools,
    /// Text with a suffix.
    Insert,
    /// Images.
    Vision,
    /// Vectors.
    Embedding,
    /// Thinking before answering.
    Thinking,
}

/// One installed model. Rates of 0 mean no time at all.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Name with or without tag.
    pub name: String,
    /// Size on disk in GB.
    #[serde(default = "one")]
    pub size_gb: f64,
    /// Resident size in GB; otherwise Ollama's prediction from size, dimensions and context.
    pub memory_gb: Option<f64>,
    /// Prompt tokens a second.
    #[serde(default)]
    pub prefill_tok_per_s: f64,
    /// Output tokens a second.
    #[serde(default)]
    pub decode_tok_per_s: f64,
    /// Seconds a load takes; otherwise from the host's disk, or none.
    pub load_s: Option<f64>,
    /// What it can do.
    #[serde(default = "completion")]
    pub capabilities: Vec<Capability>,
    /// Context length it was trained with.
    #[serde(default = "context_length")]
    pub context_length: u64,
    /// For example `3.8B`; otherwise derived from the size.
    pub parameter_size: Option<String>,
    /// Quantization.
    #[serde(default = "quantization")]
    pub quantization: String,
    /// Architecture.
    #[serde(default = "family")]
    pub family: String,
    /// Name of the model file; models with the same one share a runner.
    pub blob: Option<String>,
    /// A fixed answer instead of generated text.
    pub answer: Option<String>,
    /// Answers with the last user message.
    #[serde(default)]
    pub echo: bool,
    /// Length of generated text in tokens; otherwise 8 to 39, by prompt.
    pub output_tokens: Option<u64>,
    /// Thinking before the answer in tokens, for models that think.
    #[serde(default = "thinking_tokens")]
    pub thinking_tokens: u64,
    /// Numbers in an embedding.
    #[serde(default = "embedding_length")]
    pub embedding_length: u64,
}

impl ModelConfig {
    /// A model of 1 GB that chats in no time.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            size_gb: one(),
            memory_gb: None,
            prefill_tok_per_s: 0.0,
            decode_tok_per_s: 0.0,
            load_s: None,
            capabilities: completion(),
            context_length: context_length(),
            parameter_size: None,
            quantization: quantization(),
            family: family(),
            blob: None,
            answer: None,
            echo: false,
            output_tokens: None,
            thinking_tokens: thinking_tokens(),
            embedding_length: embedding_length(),
        }
    }
}

fn one() -> f64 {
    1.0
}
fn completion() -> Vec<Capability> {
    vec![Capability::Completion]
}
fn context_length() -> u64 {
    131_072
}
fn quantization() -> String {
    "Q4_K_M".to_owned()
}
fn family() -> String {
    "llama".to_owned()
}
fn thinking_tokens() -> u64 {
    8
}
fn embedding_length() -> u64 {
    384
}
