//! The JSON objects of a chat or generate answer.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::generation::{Counters, Token};
use crate::scheduler::Nanos;

/// Which endpoint answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// `/api/chat`
    Chat,
    /// `/api/generate`
    Generate,
    /// `/v1/chat/completions`
    OpenAi,
    /// `/v1/messages`
    Anthropic,
}

impl Endpoint {
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Chat => "/api/chat",
            Self::Generate => "/api/generate",
            Self::OpenAi => "/v1/chat/completions",
            Self::Anthropic => "/v1/messages",
        }
    }

    pub(crate) fn go_type(self) -> &'static str {
        match self {
            Self::Chat | Self::OpenAi | Self::Anthropic => "ChatRequest",
            Self::Generate => "GenerateRequest",
        }
    }

    pub(crate) fn verb(self) -> &'static str {
        match self {
            Self::Chat | Self::OpenAi | Self::Anthropic => "chat",
            Self::Generate => "generate",
        }
    }

    /// Whether it is Ollama's own form: the others carry no durations.
    pub(crate) fn is_native(self) -> bool {
        matches!(self, Self::Chat | Self::Generate)
    }
}

/// One answer object, whichever endpoint it is for.
#[derive(Debug, Serialize)]
pub(crate) struct Line<'a> {
    model: &'a str,
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Spoken<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    thinking: &'a str,
    done: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    done_reason: &'a str,
    #[serde(skip_serializing_if = "<[u64]>::is_empty")]
    context: &'a [u64],
    #[serde(skip_serializing_if = "is_zero")]
    total_duration: Nanos,
    #[serde(skip_serializing_if = "is_zero")]
    load_duration: Nanos,
    #[serde(skip_serializing_if = "is_zero")]
    prompt_eval_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    prompt_eval_duration: Nanos,
    #[serde(skip_serializing_if = "is_zero")]
    eval_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    eval_duration: Nanos,
}

#[derive(Debug, Serialize)]
struct Spoken<'a> {
    role: &'static str,
    content: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    thinking: &'a str,
    #[serde(skip_serializing_if = "<[Value]>::is_empty")]
    tool_calls: &'a [Value],
}

/// Text, thinking and tool calls of one line.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Content<'a> {
    pub(crate) text: &'a str,
    pub(crate) thinking: &'a str,
    pub(crate) tool_calls: &'a [Value],
}

impl<'a> Content<'a> {
    /// What one token says.
    pub(crate) fn of(token: &'a Token) -> Self {
        match token {
            Token::Text(text) => Self { text, ..Self::default() },
            Token::Thinking(thinking) => Self { thinking, ..Self::default() },
            Token::ToolCall(call) => Self { tool_calls: std::slice::from_ref(call), ..Self::default() },
        }
    }
}

impl<'a> Line<'a> {
    /// A line that is not the last.
    pub(crate) fn new(endpoint: Endpoint, model: &'a str, content: Content<'a>) -> Self {
        let chat = endpoint == Endpoint::Chat;
        let Content { text, thinking, tool_calls } = content;
        Self {
            model,
            created_at: Timestamp::now(),
            message: chat.then_some(Spoken { role: "assistant", content: text, thinking, tool_calls }),
            response: (!chat).then_some(text),
            thinking: if chat { "" } else { thinking },
            done: false,
            done_reason: "",
            context: &[],
            total_duration: 0,
            load_duration: 0,
            prompt_eval_count: 0,
            prompt_eval_duration: 0,
            eval_count: 0,
            eval_duration: 0,
        }
    }

    /// This line as the last one of an answer.
    pub(crate) fn done(self, done_reason: &'a str) -> Self {
        Self { done: true, done_reason, ..self }
    }

    /// With what it took.
    pub(crate) fn counted(self, counters: Counters, total: Nanos, load: Nanos, context: &'a [u64]) -> Self {
        let context = if self.response.is_some() { context } else { &[] };
        Self {
            context,
            total_duration: total,
            load_duration: load,
            prompt_eval_count: counters.prompt_eval_count,
            prompt_eval_duration: counters.prompt_eval_duration,
            eval_count: counters.eval_count,
            eval_duration: counters.eval_duration,
            ..self
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
