//! What is asked for, and in whose words: Ollama's own, `OpenAI`'s or Anthropic's.

mod events;
mod fold;
mod fold_events;
mod gathered;
mod lines;
mod refusal;
mod whole;

use crate::driver::Reader;
use fold_events::FoldEvents;

pub(super) use refusal::status_of;

/// An endpoint that runs a model.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Operation {
    Chat,
    Generate,
    Embed,
    /// The older form of embed.
    Embeddings,
    OpenAiChat,
    OpenAiCompletion,
    OpenAiEmbedding,
    OpenAiResponse,
    AnthropicMessage,
}

impl Operation {
    const ALL: [Self; 9] = [
        Self::Chat,
        Self::Generate,
        Self::Embed,
        Self::Embeddings,
        Self::OpenAiChat,
        Self::OpenAiCompletion,
        Self::OpenAiEmbedding,
        Self::OpenAiResponse,
        Self::AnthropicMessage,
    ];

    /// The one at this path.
    pub(super) fn at(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.path() == path)
    }

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Chat => "/api/chat",
            Self::Generate => "/api/generate",
            Self::Embed => "/api/embed",
            Self::Embeddings => "/api/embeddings",
            Self::OpenAiChat => "/v1/chat/completions",
            Self::OpenAiCompletion => "/v1/completions",
            Self::OpenAiEmbedding => "/v1/embeddings",
            Self::OpenAiResponse => "/v1/responses",
            Self::AnthropicMessage => "/v1/messages",
        }
    }

    /// Its label.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Generate => "generate",
            Self::Embed => "embed",
            Self::Embeddings => "embeddings",
            Self::OpenAiChat => "openai_chat",
            Self::OpenAiCompletion => "openai_completion",
            Self::OpenAiEmbedding => "openai_embedding",
            Self::OpenAiResponse => "openai_response",
            Self::AnthropicMessage => "anthropic_message",
        }
    }

    /// OpenTelemetry's `gen_ai.operation.name`.
    pub(super) fn gen_ai(self) -> &'static str {
        match self {
            Self::Chat | Self::OpenAiChat | Self::OpenAiResponse | Self::AnthropicMessage => "chat",
            Self::Generate | Self::OpenAiCompletion => "text_completion",
            Self::Embed | Self::Embeddings | Self::OpenAiEmbedding => "embeddings",
        }
    }

    pub(super) fn embeds(self) -> bool {
        matches!(self, Self::Embed | Self::Embeddings | Self::OpenAiEmbedding)
    }

    /// Ollama's own chat and generate, which stream unless told otherwise and take `options`.
    pub(super) fn is_native_text(self) -> bool {
        matches!(self, Self::Chat | Self::Generate)
    }

    /// The type of an answer that is one object.
    pub(super) fn whole_type(self) -> &'static str {
        if self.is_native_text() { "application/json; charset=utf-8" } else { "application/json" }
    }

    /// Whether the answer streams, if the client does not say.
    pub(super) fn streams_by_default(self) -> bool {
        self.is_native_text()
    }

    /// Whether a final count of tokens must be asked for.
    pub(super) fn counts_on_request(self) -> bool {
        matches!(self, Self::OpenAiChat | Self::OpenAiCompletion)
    }

    /// Who reads the answer. `counts` says that the client itself asked for the final count of tokens.
    pub(super) fn reader(self, streams: bool, counts: bool) -> fn() -> Box<dyn Reader> {
        match self {
            Self::Chat | Self::Generate if streams => || Box::new(lines::Lines::new()),
            // Hosts are asked to stream in any case, so that progress shows; the client gets one object.
            Self::Chat => || Box::new(fold::Fold::new()),
            Self::Generate => || Box::new(fold::Fold::new()),
            Self::Embed | Self::Embeddings => || Box::new(whole::Whole::default()),
            Self::OpenAiEmbedding => || Box::new(whole::Whole::default()),
            Self::OpenAiChat | Self::OpenAiCompletion if streams && !counts => {
                || Box::new(events::Events::openai(true))
            }
            Self::OpenAiChat | Self::OpenAiCompletion | Self::OpenAiResponse if streams => {
                || Box::new(events::Events::openai(false))
            }
            Self::AnthropicMessage if streams => || Box::new(events::Events::anthropic()),
            Self::OpenAiChat | Self::OpenAiCompletion => || Box::new(FoldEvents::completion()),
            Self::OpenAiResponse => || Box::new(FoldEvents::response()),
            Self::AnthropicMessage => || Box::new(FoldEvents::message()),
        }
    }

    /// Who reads an answer that the client gets as it is.
    pub(super) fn raw_reader(self, streams: bool) -> fn() -> Box<dyn Reader> {
        if streams { self.reader(true, true) } else { || Box::new(whole::Whole::default()) }
    }
}
