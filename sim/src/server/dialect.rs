//! `OpenAI`'s and Anthropic's forms of a chat: what their bodies ask for, and how they put an answer.

use axum::http::StatusCode;
use axum::response::Response;
use bytes::{BufMut, BytesMut};
use serde_json::{Map, Value, json};

use super::generation::{Counters, Token};
use super::lines::Endpoint;
use super::reply::{ApiError, json_reply};
use super::request::{CompletionRequest, Message};

/// The id of every answer. One for all will do, since no test asks for an answer by its id.
const ID: &str = "chatcmpl-1";

/// A body in one of the two forms, as the native one that asks for the same.
pub(crate) fn read(endpoint: Endpoint, body: &[u8]) -> Result<(CompletionRequest, bool), ApiError> {
    let value: Value =
        serde_json::from_slice(body).map_err(|error| ApiError::bad_request(error.to_string()))?;
    let text = |key: &str| value.get(key).map(text_of).filter(|text| !text.is_empty());
    let given = value.get("messages").and_then(Value::as_array).into_iter().flatten();
    let messages = given.map(|message| Message {
        role: message.get("role").map(text_of),
        content: message.get("content").map(text_of),
        images: None,
    });
    let system = text("system").filter(|_| endpoint == Endpoint::Anthropic);
    let system =
        system.map(|text| Message { role: Some("system".to_owned()), content: Some(text), images: None });
    let mut options = Map::new();
    let most = ["max_tokens", "max_completion_tokens"].into_iter().find_map(|key| value.get(key));
    if let Some(most) = most {
        options.insert("num_predict".to_owned(), most.clone());
    }
    let streams = value.get("stream").and_then(Value::as_bool).unwrap_or(false);
    let usage = value.pointer("/stream_options/include_usage").and_then(Value::as_bool).unwrap_or(false);
    let request = CompletionRequest {
        model: text("model"),
        messages: Some(system.into_iter().chain(messages).collect()),
        stream: Some(streams),
        options: Some(options),
        ..CompletionRequest::default()
    };
    Ok((request, usage))
}

/// A text, or the texts of a list of parts.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part.get("text").and_then(Value::as_str))
            .collect::<Vec<_>>()
            .join("\n"),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
    }
}

/// The events of a streamed answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Events<'a> {
    pub(crate) endpoint: Endpoint,
    pub(crate) model: &'a str,
    /// Whether `OpenAI`'s form ends with the counters.
    pub(crate) with_usage: bool,
}

impl Events<'_> {
    /// What stands before the first token.
    pub(crate) fn begin(self, buffer: &mut BytesMut) {
        if self.endpoint == Endpoint::Anthropic {
            let message = json!({"id": ID, "type": "message", "role": "assistant", "model": self.model, "content": [],
                "stop_reason": null, "usage": {"input_tokens": 0, "output_tokens": 0}});
            named(buffer, "message_start", &json!({"type": "message_start", "message": message}));
            let block = json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}});
            named(buffer, "content_block_start", &block);
        }
    }

    pub(crate) fn token(self, buffer: &mut BytesMut, token: &Token) {
        let Token::Text(text) = token else { return };
        if self.endpoint == Endpoint::Anthropic {
            let delta = json!({"type": "content_block_delta", "index": 0,
                "delta": {"type": "text_delta", "text": text}});
            named(buffer, "content_block_delta", &delta);
        } else {
            data(
                buffer,
                &self.chunk(&json!([{"index": 0, "delta": {"role": "assistant", "content": text},
                "finish_reason": null}])),
            );
        }
    }

    pub(crate) fn end(self, buffer: &mut BytesMut, counters: Counters, reason: &str) {
        if self.endpoint == Endpoint::Anthropic {
            named(buffer, "content_block_stop", &json!({"type": "content_block_stop", "index": 0}));
            let delta = json!({"type": "message_delta", "delta": {"stop_reason": stop_reason(reason)},
                "usage": anthropic_usage(counters)});
            named(buffer, "message_delta", &delta);
            named(buffer, "message_stop", &json!({"type": "message_stop"}));
            return;
        }
        data(
            buffer,
            &self.chunk(&json!([{"index": 0, "delta": {"role": "assistant", "content": ""},
            "finish_reason": reason}])),
        );
        if self.with_usage {
            let mut last = self.chunk(&json!([]));
            if let Some(fields) = last.as_object_mut() {
                fields.insert("usage".to_owned(), openai_usage(counters));
            }
            data(buffer, &last);
        }
        buffer.put_slice(b"data: [DONE]\n\n");
    }

    fn chunk(self, choices: &Value) -> Value {
        json!({"id": ID, "object": "chat.completion.chunk", "created": 0, "model": self.model,
            "system_fingerprint": "fp_ollama", "choices": choices})
    }

    /// The whole answer as one object.
    pub(crate) fn whole(self, text: &str, counters: Counters, reason: &str) -> Response {
        let answer = if self.endpoint == Endpoint::Anthropic {
            json!({"id": ID, "type": "message", "role": "assistant", "model": self.model,
                "content": [{"type": "text", "text": text}], "stop_reason": stop_reason(reason),
                "usage": anthropic_usage(counters)})
        } else {
            json!({"id": ID, "object": "chat.completion", "created": 0, "model": self.model,
                "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}],
                "usage": openai_usage(counters)})
        };
        json_reply(StatusCode::OK, &answer)
    }
}

fn openai_usage(counters: Counters) -> Value {
    let (prompt, answer) = (counters.prompt_eval_count, counters.eval_count);
    json!({"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer})
}

fn anthropic_usage(counters: Counters) -> Value {
    json!({"input_tokens": counters.prompt_eval_count, "output_tokens": counters.eval_count})
}

fn stop_reason(reason: &str) -> &'static str {
    if reason == "length" { "max_tokens" } else { "end_turn" }
}

fn data(buffer: &mut BytesMut, value: &Value) {
    buffer.put_slice(format!("data: {value}\n\n").as_bytes());
}

fn named(buffer: &mut BytesMut, name: &str, value: &Value) {
    buffer.put_slice(format!("event: {name}\n").as_bytes());
    data(buffer, value);
}
