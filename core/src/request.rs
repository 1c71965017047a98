//! What a caller wants, in sizes and classes: never the text itself.

use crate::names::{HostId, ModelName, Shape};
use serde::{Deserialize, Serialize};

/// The kind of work a prompt asks for.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize, strum::IntoStaticStr,
)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Task {
    /// Anything that fits no other class.
    #[default]
    General,
    /// Shorten a text.
    Summarize,
    /// Reason about data or a text, compare, explain why.
    Analyze,
    /// Pull fields out of a text.
    Extract,
    /// Put a text into one of a few classes.
    Classify,
    /// Write, fix or explain program code.
    Code,
    /// A turn of a conversation.
    Chat,
    /// Look at an image.
    Vision,
    /// Turn texts into vectors.
    Embed,
}

/// A number for each task, in the order of [`Task::ALL`].
pub(crate) type ByTask = [f64; Task::ALL.len()];

impl Task {
    /// Every task, in the order of the enum.
    pub const ALL: [Self; 9] = [
        Self::General,
        Self::Summarize,
        Self::Analyze,
        Self::Extract,
        Self::Classify,
        Self::Code,
        Self::Chat,
        Self::Vision,
        Self::Embed,
    ];

    /// What a model needs for it.
    pub(crate) fn capabilities(self) -> &'static [Capability] {
        match self {
            Self::Embed => &[Capability::Embedding],
            Self::Vision => &[Capability::Completion, Capability::Vision],
            Self::General
            | Self::Summarize
            | Self::Analyze
            | Self::Extract
            | Self::Classify
            | Self::Code
            | Self::Chat => &[Capability::Completion],
        }
    }

    /// The lower-case word used in every interface.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// How many seconds of waiting a better answer is worth.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The soonest answer; quality counts little.
    Fast,
    /// A better model where it costs little time.
    #[default]
    Balanced,
    /// The best model that can answer within the deadline.
    Best,
}

/// How an answer comes, which decides how long it may be silent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(rename_all = "snake_case")]
pub enum Writing {
    /// Piece by piece.
    #[default]
    Text,
    /// Piece by piece; Ollama reads the prompt anew between thinking and an answer that fits a schema.
    Schema,
    /// A tool call comes whole, after a silence as long as it takes to write its arguments.
    ToolCalls,
}

/// What a model must be able to do, in the words of `/api/show`.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, strum::IntoStaticStr,
)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Capability {
    /// Continues a text or a chat.
    Completion,
    /// Calls tools.
    Tools,
    /// Takes images.
    Vision,
    /// Makes vectors.
    Embedding,
    /// Thinks before it answers.
    Thinking,
    /// Fills in the middle of a text.
    Insert,
}

impl Capability {
    /// The word of `/api/show`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// One request as core sees it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts", optional_fields = nullable))]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The kind of work.
    #[serde(default)]
    pub task: Task,
    /// The price of quality.
    #[serde(default)]
    pub mode: Mode,
    /// Similar requests share a shape; their history predicts this one's length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Shape>,
    /// Estimated tokens of prompt and system text together.
    pub prompt_tokens: u32,
    /// Tokens of its longest text, where it holds several that are read apart (a batch to embed): what one context must
    /// hold. Absent: the whole prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_text_tokens: Option<u32>,
    /// Tokens of context the caller itself asks for (`num_ctx`): no other is asked for then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub num_ctx: Option<u32>,
    /// The caller itself says how long the model stays in memory (`keep_alive`).
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(as = "Option<bool>", optional))]
    pub names_keep_alive: bool,
    /// The path of the call, where it is not the dispatcher's own choice: some hosts lack some routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// Fingerprints of ever longer beginnings of its text: what a runner has read before need not be read again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "typescript", ts(as = "Option<Vec<u32>>", optional))]
    pub prefix: Vec<u32>,
    /// The caller's cap on the answer's tokens, if any (`num_predict`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// Tokens of answer that the text itself asks for ("in three sentences"), where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stated_tokens: Option<u32>,
    /// How the answer comes.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(as = "Option<Writing>", optional))]
    pub writing: Writing,
    /// Capabilities beyond the task's own (tools, vision, thinking).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "typescript", ts(as = "Option<Vec<Capability>>", optional))]
    pub needs: Vec<Capability>,
    /// Milliseconds from Submit until the answer is worthless.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(type = "number | null", optional))]
    pub deadline_ms: Option<u64>,
    /// The caller takes the answer piece by piece: once one piece is out, a broken call is not repeated elsewhere.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(as = "Option<bool>", optional))]
    pub streaming: bool,
    /// Only this model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelName>,
    /// Models the caller accepts: each is good enough, so that only time decides among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<ModelName>>,
    /// Only this host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostId>,
    /// What it is compared with, in a gradual rollout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<Trial>,
}

/// A request in a gradual rollout: what its caller names, and whether the dispatcher chooses in its place.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts", optional_fields = nullable))]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// The dispatcher chooses: the request itself is pinned to nothing.
    pub switched: bool,
    /// The model that the caller names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelName>,
    /// The host that the caller names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostId>,
}

impl Request {
    /// A balanced request of this task and size, with nothing pinned.
    pub fn new(task: Task, prompt_tokens: u32) -> Self {
        Self {
            task,
            mode: Mode::Balanced,
            shape: None,
            prompt_tokens,
            longest_text_tokens: None,
            num_ctx: None,
            names_keep_alive: false,
            route: None,
            prefix: Vec::new(),
            max_tokens: None,
            stated_tokens: None,
            writing: Writing::Text,
            needs: Vec::new(),
            deadline_ms: None,
            streaming: false,
            model: None,
            models: None,
            host: None,
            trial: None,
        }
    }

    /// The models it names; nothing where it leaves the choice among all.
    pub(crate) fn named_models(&self) -> impl Iterator<Item = &ModelName> {
        self.model.iter().chain(self.models.iter().flatten())
    }

    /// Whether the model may serve it, as far as the names tell.
    pub(crate) fn may_be(&self, model: &ModelName) -> bool {
        self.model.as_ref().is_none_or(|name| name.is_same(model))
            && self.models.as_ref().is_none_or(|list| list.iter().any(|name| name.is_same(model)))
    }

    /// Tokens that one context must hold beside the answer.
    pub fn context_prompt_tokens(&self) -> u32 {
        self.longest_text_tokens.unwrap_or(self.prompt_tokens)
    }

    /// Whether its call can say how much context and how long a stay it wants: Ollama's own API can, the compatible ones cannot.
    pub fn takes_options(&self) -> bool {
        self.route.as_ref().is_none_or(|route| route.starts_with("/api/"))
    }

    /// Every capability a model needs to serve this request.
    pub fn capabilities(&self) -> impl Iterator<Item = Capability> + '_ {
        self.task.capabilities().iter().copied().chain(self.needs.iter().copied())
    }
}
