//! A request that runs a model: what it wants, as the dispatcher sees it, and its body for an arm.

use bytes::Bytes;
use serde_json::Value;
use smart_ai_core::wire::Ask;
use smart_ai_core::{Arm, CallOptions, Json, Mode, ModelName, Object, Request, Task};

use super::body::Body;
use crate::serve::dialect::Operation;
use crate::serve::inventory::Inventory;

/// A client's request.
#[derive(Clone, Debug)]
pub(super) struct Inference {
    pub(super) operation: Operation,
    /// As the client wrote it.
    pub(super) model: String,
    pub(super) choice: Choice,
    pub(super) streams: bool,
    /// The client itself asked for the final count of tokens.
    pub(super) counts: bool,
    body: Body,
}

/// Which model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Choice {
    /// Whichever suits.
    Auto(Mode),
    /// This tag, which some host has.
    Tag(String),
    /// A name nobody is known to have.
    Unknown,
}

/// The mode of `auto`, `auto:fast` and so on.
pub(super) fn auto(model: &str) -> Option<Mode> {
    match model.to_ascii_lowercase().as_str() {
        "auto" | "auto:latest" | "auto:balanced" => Some(Mode::Balanced),
        "auto:fast" => Some(Mode::Fast),
        "auto:best" => Some(Mode::Best),
        _ => None,
    }
}

impl Inference {
    /// # Errors
    /// What is wrong with the body, in words.
    pub(super) fn read(operation: Operation, bytes: &[u8], inventory: &Inventory) -> Result<Self, String> {
        let body = Body::read(bytes).map_err(|error| format!("the body is no JSON object: {error}"))?;
        let model = body.text("model").filter(|model| !model.is_empty()).ok_or("model is required")?;
        let choice = match (auto(&model), inventory.tag(&model)) {
            (Some(mode), _) => Choice::Auto(mode),
            (None, Some(tag)) => Choice::Tag(tag),
            (None, None) => Choice::Unknown,
        };
        let streams = body.flag("stream").unwrap_or(operation.streams_by_default()) && !operation.embeds();
        let counts = body
            .get("stream_options")
            .is_some_and(|options| options.get("include_usage") == Some(&true.into()));
        Ok(Self { operation, model, choice, streams, counts, body })
    }

    /// Only loads or unloads a model: Ollama's word for it is a request without anything to answer.
    pub(super) fn is_empty(&self) -> bool {
        let absent = |key| match self.body.get(key) {
            None => true,
            Some(value) => value.as_array().is_some_and(Vec::is_empty) || value == "",
        };
        match self.operation {
            Operation::Chat => absent("messages"),
            Operation::Generate => absent("prompt") && absent("images"),
            Operation::Embed
            | Operation::Embeddings
            | Operation::OpenAiChat
            | Operation::OpenAiCompletion
            | Operation::OpenAiEmbedding
            | Operation::OpenAiResponse
            | Operation::AnthropicMessage => false,
        }
    }

    /// Whether the model is to leave memory at once.
    pub(super) fn unloads(&self) -> bool {
        let zero = |value: Value| {
            value.as_f64() == Some(0.0)
                || value.as_str().is_some_and(|text| text.trim_end_matches(['s', 'm', 'h']) == "0")
        };
        self.body.get("keep_alive").is_some_and(zero)
    }

    /// Context the client asks for.
    pub(super) fn num_ctx(&self) -> Option<u64> {
        self.body.get("options")?.get("num_ctx")?.as_u64()
    }

    /// What the dispatcher needs to know.
    pub(super) fn request(&self) -> Request {
        let ask = self.ask();
        let mut request = ask.request().unwrap_or_else(|_| Request::new(Task::General, 0));
        request.streaming = self.streams;
        if let Choice::Tag(tag) = &self.choice {
            request.model = Some(ModelName::from(tag.as_str()));
            // The client chose: what the model cannot do, its host says best itself.
            request.needs = Vec::new();
            if request.task == Task::Vision {
                request.task = Task::Chat;
            }
        }
        if let Choice::Auto(mode) = self.choice {
            request.mode = mode;
        }
        request
    }

    /// The body for an arm.
    pub(super) fn body_for(&self, arm: &Arm, options: &CallOptions) -> Bytes {
        let mut body = self.body.clone();
        if matches!(self.choice, Choice::Auto(_)) {
            body.set("model", &arm.model.as_str().into());
        }
        if self.operation.is_native_text() && !self.streams {
            body.set("stream", &true.into());
        }
        if self.operation.counts_on_request() && self.streams && !self.counts {
            body.set_within("stream_options", "include_usage", true.into());
        }
        // One context per model, whoever asks, so that no request reloads it.
        let native = self.operation.is_native_text() || self.operation == Operation::Embed;
        if let Some(tokens) = options.num_ctx.filter(|_| native && self.num_ctx().is_none()) {
            body.set_within("options", "num_ctx", tokens.into());
        }
        if let Some(seconds) = options.keep_alive_s.filter(|_| native && body.get("keep_alive").is_none()) {
            body.set("keep_alive", &seconds.into());
        }
        body.bytes()
    }

    /// The body as the client sent it.
    pub(super) fn body_as_sent(&self) -> Bytes {
        self.body.bytes()
    }

    fn ask(&self) -> Ask {
        let mut images = 0;
        let body = &self.body;
        let mut text = |key: &str| body.get(key).map(|value| words(&value, &mut images));
        let (system, prompt) = (text("system"), text("prompt").or_else(|| text("input")));
        let embed = self.operation.embeds().then_some(Task::Embed);
        let mut message = |message: &Value| {
            let content = words(&message["content"], &mut images);
            images += message["images"].as_array().map_or(0, Vec::len);
            let role = Json::from(message["role"].clone());
            Object::from_iter([("role".to_owned(), role), ("content".to_owned(), content.into())])
        };
        let messages: Option<Vec<Object>> =
            body.get("messages").and_then(|list| Some(list.as_array()?.iter().map(&mut message).collect()));
        images += body.get("images").and_then(|list| list.as_array().map(Vec::len)).unwrap_or(0);
        let list = |key| Some(body.get(key)?.as_array()?.iter().cloned().map(Json::from).collect());
        let options = body.get("options");
        let option = |key: &str| options.as_ref()?.get(key)?.as_u64();
        let most = ["max_tokens", "max_completion_tokens", "max_output_tokens"];
        let max_tokens =
            most.iter().find_map(|key| body.get(key)?.as_u64()).or_else(|| option("num_predict"));
        let schema = body.get("format").or_else(|| {
            let format = body.get("response_format")?;
            Some(format.get("json_schema")?.get("schema")?.clone())
        });
        Ask {
            prompt: prompt.filter(|_| messages.is_none()),
            messages,
            system: system.filter(|_| embed.is_none()),
            task: embed,
            max_tokens: max_tokens.and_then(|tokens| u32::try_from(tokens).ok()).filter(|tokens| *tokens > 0),
            schema: schema.filter(|_| embed.is_none()).map(Json::from),
            images: (images > 0 && embed.is_none()).then(|| vec![String::new(); images]),
            tools: list("tools").filter(|_| embed.is_none()),
            think: body.get("think").filter(|_| embed.is_none()).map(Json::from),
            ..Ask::default()
        }
    }
}

/// The texts of a content, whatever its shape; images are counted.
fn words(value: &Value, images: &mut usize) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts: Vec<String> = parts.iter().map(|part| words(part, images)).collect();
            texts.join("\n")
        }
        Value::Object(part) => {
            let kind = part.get("type").and_then(Value::as_str).unwrap_or_default();
            if kind.contains("image") {
                *images += 1;
                return String::new();
            }
            let inner = part.get("text").or_else(|| part.get("content"));
            inner.map(|inner| words(inner, images)).unwrap_or_default()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(operation: Operation, body: &Value) -> Result<Inference, String> {
        Inference::read(operation, body.to_string().as_bytes(), &Inventory::default())
    }

    fn sent(inference: &Inference) -> Value {
        let arm = Arm { host: "pc".into(), model: "m:latest".into() };
        let options = CallOptions { num_ctx: Some(8192), num_predict: None, keep_alive_s: Some(330) };
        serde_json::from_slice(&inference.body_for(&arm, &options)).unwrap_or_default()
    }

    #[test]
    fn streaming_is_ollamas_default_and_not_openais() -> Result<(), String> {
        let body = json!({"model": "auto", "messages": [{"role": "user", "content": "Hi"}]});
        assert!(read(Operation::Chat, &body)?.streams);
        assert!(!read(Operation::OpenAiChat, &body)?.streams);
        Ok(())
    }

    #[test]
    fn auto_names_the_arms_model_and_its_context_unless_the_client_named_one() -> Result<(), String> {
        let chat = read(Operation::Chat, &json!({"model": "auto:fast", "messages": [], "stream": false}))?;
        assert_eq!(chat.choice, Choice::Auto(Mode::Fast));
        assert_eq!(
            sent(&chat),
            json!({"model": "m:latest", "messages": [], "stream": true, "options": {"num_ctx": 8192}, "keep_alive": 330})
        );
        let own = json!({"model": "m", "prompt": "Hi", "options": {"num_ctx": 512}, "keep_alive": "1h"});
        assert_eq!(sent(&read(Operation::Generate, &own)?), own);
        Ok(())
    }

    #[test]
    fn openai_streams_are_asked_to_count() -> Result<(), String> {
        let body = json!({"model": "m", "stream": true, "messages": []});
        let chat = read(Operation::OpenAiChat, &body)?;
        assert_eq!(sent(&chat).get("stream_options"), Some(&json!({"include_usage": true})));
        let known = ["options", "keep_alive"].map(|key| sent(&chat).get(key).cloned());
        assert_eq!(known, [None, None], "OpenAI's words know neither");
        Ok(())
    }

    #[test]
    fn parts_are_read_as_text_and_images_need_vision() -> Result<(), String> {
        let content = json!([{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": "x"}}]);
        let body = json!({"model": "auto", "messages": [{"role": "user", "content": content}]});
        let request = read(Operation::OpenAiChat, &body)?.request();
        assert_eq!(request.task, Task::Vision);
        Ok(())
    }

    #[test]
    fn a_model_is_required_and_the_body_is_an_object() {
        assert!(read(Operation::Chat, &json!({})).is_err_and(|words| words == "model is required"));
        assert!(read(Operation::Chat, &json!([])).is_err());
    }

    #[test]
    fn a_request_without_anything_to_answer_only_loads_or_unloads() -> Result<(), String> {
        assert!(read(Operation::Generate, &json!({"model": "m"}))?.is_empty());
        let unload = read(Operation::Chat, &json!({"model": "m", "messages": [], "keep_alive": 0}))?;
        assert!(unload.is_empty() && unload.unloads());
        assert!(
            !read(Operation::Generate, &json!({"model": "m", "prompt": "Hi", "keep_alive": "5m"}))?.unloads()
        );
        Ok(())
    }
}
