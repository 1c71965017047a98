//! The endpoints that run a model, and who reads the answer of each.

use super::Dialect;
use super::events::Events;
use super::fold::Fold;
use super::fold_events::FoldEvents;
use super::lines::Lines;
use super::whole::Whole;
use crate::driver::Reader;

/// An endpoint that runs a model.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(in crate::serve) enum Operation {
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
    /// Whose words its requests and answers use.
    pub(in crate::serve) fn dialect(self) -> Dialect {
        match self {
            Self::Chat | Self::Generate | Self::Embed | Self::Embeddings => Dialect::Ollama,
            Self::OpenAiChat | Self::OpenAiCompletion | Self::OpenAiEmbedding | Self::OpenAiResponse => {
                Dialect::OpenAi
            }
            Self::AnthropicMessage => Dialect::Anthropic,
        }
    }

    /// Its label in metrics.
    pub(in crate::serve) fn as_str(self) -> &'static str {
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
    pub(in crate::serve) fn gen_ai(self) -> &'static str {
        match self {
            Self::Chat | Self::OpenAiChat | Self::OpenAiResponse | Self::AnthropicMessage => "chat",
            Self::Generate | Self::OpenAiCompletion => "text_completion",
            Self::Embed | Self::Embeddings | Self::OpenAiEmbedding => "embeddings",
        }
    }

    pub(in crate::serve) fn embeds(self) -> bool {
        matches!(self, Self::Embed | Self::Embeddings | Self::OpenAiEmbedding)
    }

    /// Ollama's own chat and generate, which stream unless told otherwise and take `options`.
    pub(in crate::serve) fn is_ollama_text(self) -> bool {
        matches!(self, Self::Chat | Self::Generate)
    }

    /// The type of an answer that is one object.
    pub(in crate::serve) fn whole_type(self) -> &'static str {
        if self.is_ollama_text() { "application/json; charset=utf-8" } else { "application/json" }
    }

    /// Whether the answer streams, if the client does not say.
    pub(in crate::serve) fn streams_by_default(self) -> bool {
        self.is_ollama_text()
    }

    /// Whether a final count of tokens must be asked for.
    pub(in crate::serve) fn counts_on_request(self) -> bool {
        matches!(self, Self::OpenAiChat | Self::OpenAiCompletion)
    }

    /// Who reads the answer. `counts` says that the client itself asked for the final count of tokens.
    pub(in crate::serve) fn reader(self, streams: bool, counts: bool) -> fn() -> Box<dyn Reader> {
        match self {
            Self::Chat | Self::Generate if streams => || Box::new(Lines::new()),
            // Hosts are asked to stream in any case, so that progress shows; the client gets one object.
            Self::Chat => || Box::new(Fold::new()),
            Self::Generate => || Box::new(Fold::new()),
            Self::Embed | Self::Embeddings => || Box::new(Whole::default()),
            Self::OpenAiEmbedding => || Box::new(Whole::default()),
            Self::OpenAiChat | Self::OpenAiCompletion if streams && !counts => {
                || Box::new(Events::openai(true))
            }
            Self::OpenAiChat | Self::OpenAiCompletion | Self::OpenAiResponse if streams => {
                || Box::new(Events::openai(false))
            }
            Self::AnthropicMessage if streams => || Box::new(Events::anthropic()),
            Self::OpenAiChat | Self::OpenAiCompletion => || Box::new(FoldEvents::completion()),
            Self::OpenAiResponse => || Box::new(FoldEvents::response()),
            Self::AnthropicMessage => || Box::new(FoldEvents::message()),
        }
    }

    /// Who reads an answer that the client gets as it is.
    pub(in crate::serve) fn raw_reader(self, streams: bool) -> fn() -> Box<dyn Reader> {
        if streams { self.reader(true, true) } else { || Box::new(Whole::default()) }
    }
}
