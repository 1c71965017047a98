//! A request that runs a model: what it wants, as the dispatcher sees it, and its body for an arm.

use bytes::Bytes;
use serde_json::Value;
use smart_ai_core::wire::Ask;
use smart_ai_core::{Arm, CallOptions, Capability, Mode, ModelName, Object, Request, Task};

use super::words::{Count, Message, Messages, Texts, Words};
use crate::serve::bodies::Held;
use crate::serve::dialect::Operation;
use crate::serve::inventory::Inventory;
use crate::serve::object_text::ObjectText;

/// Bytes of options and other small parts; longer ones are passed on unread.
const SMALL_MAX: usize = 64 << 10;
/// Bytes of a schema that is read.
const SCHEMA_MAX: usize = 1 << 20;

/// A client's request.
#[derive(Debug)]
pub(super) struct Inference {
    pub(super) operation: Operation,
    /// As the client wrote it; empty where it names none.
    pub(super) model: String,
    pub(super) choice: Choice,
    pub(super) streams: bool,
    /// The client itself asked for the final count of tokens.
    pub(super) counts: bool,
    body: ObjectText,
    /// The room its body takes, until the job ends.
    pub(super) held: Option<Held>,
}

/// Which model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Choice {
    /// Whichever suits.
    Auto(Mode),
    /// This tag, which some host has.
    Tag(String),
    /// A name that no host is known to have.
    Unknown,
}

/// The mode of `auto`, `auto:fast` and so on.
pub(super) fn auto(model: &str) -> Option<Mode> {
    match model.trim().to_ascii_lowercase().as_str() {
        "auto" | "auto:latest" | "auto:balanced" => Some(Mode::Balanced),
        "auto:fast" => Some(Mode::Fast),
        "auto:best" => Some(Mode::Best),
        _ => None,
    }
}

impl Inference {
    pub(super) fn read(operation: Operation, body: ObjectText, inventory: &Inventory) -> Self {
        let model = body.name("model").unwrap_or_default();
        let choice = match (auto(&model), inventory.tag(&model)) {
            (Some(mode), _) => Choice::Auto(mode),
            (None, Some(tag)) => Choice::Tag(tag),
            (None, None) => Choice::Unknown,
        };
        let streams = body.read_as("stream").unwrap_or(operation.streams_by_default()) && !operation.embeds();
        let counts = body.object("stream_options").raw("include_usage") == Some("true");
        Self { operation, model, choice, streams, counts, body, held: None }
    }

    /// Only loads or unloads a model: Ollama's word for it is a request without anything to answer.
    pub(super) fn is_empty(&self) -> bool {
        let absent = |key| match self.body.raw(key) {
            None | Some("\"\"") => true,
            Some(_) => self.body.read_as::<[(); 0]>(key).is_some(),
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
        let nothing = |text: &str| {
            let mut digits = text.chars().filter(char::is_ascii_digit).peekable();
            digits.peek().is_some() && digits.all(|digit| digit == '0')
        };
        let zero = |value: Value| value.as_f64() == Some(0.0) || value.as_str().is_some_and(nothing);
        self.body.small("keep_alive", SMALL_MAX).is_some_and(zero)
    }

    /// Context the client asks for.
    pub(super) fn num_ctx(&self) -> Option<u64> {
        self.option("num_ctx")
    }

    fn option(&self, key: &str) -> Option<u64> {
        let number: Value = self.body.object("options").small(key, SMALL_MAX)?;
        number
            .as_u64()
            .or_else(|| number.as_f64().filter(|number| *number >= 1.0).map(|number| number as u64))
    }

    /// What the dispatcher needs to know.
    pub(super) fn request(&self) -> Request {
        let ask = self.ask();
        let task = ask.task.unwrap_or(Task::General);
        let mut request = ask.request().unwrap_or_else(|_| Request::new(task, 0));
        request.streaming = self.streams;
        request.num_ctx = self.num_ctx().map(|tokens| u32::try_from(tokens).unwrap_or(u32::MAX));
        request.names_keep_alive = self.body.raw("keep_alive").is_some();
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
            if self.body.raw("suffix").is_some_and(|suffix| suffix != "\"\"") {
                request.needs.push(Capability::Insert);
            }
        }
        request
    }

    /// The body for an arm.
    pub(super) fn body_for(&self, arm: &Arm, options: &CallOptions) -> Bytes {
        let mut values = Vec::new();
        if matches!(self.choice, Choice::Auto(_)) {
            values.push(("model", Value::from(arm.model.as_str()).to_string()));
        }
        if !self.operation.embeds() && !self.streams {
            values.push(("stream", "true".to_owned()));
        }
        if self.operation.counts_on_request() && !(self.streams && self.counts) {
            let options = self.body.within("stream_options", "include_usage", "true");
            values.extend(options.map(|options| ("stream_options", options)));
        }
        // One context per model, whoever asks, so that no request reloads it.
        let is_ollamas = self.operation.is_ollama_text() || self.operation == Operation::Embed;
        if let Some(tokens) = options.num_ctx.filter(|_| is_ollamas && self.num_ctx().is_none()) {
            let options = self.body.within("options", "num_ctx", &tokens.to_string());
            values.extend(options.map(|options| ("options", options)));
        }
        if let Some(seconds) =
            options.keep_alive_s.filter(|_| is_ollamas && self.body.raw("keep_alive").is_none())
        {
            values.push(("keep_alive", seconds.to_string()));
        }
        self.body.with(&values)
    }

    /// The body as the client sent it.
    pub(super) fn body_as_sent(&self) -> Bytes {
        self.body.with(&[])
    }

    fn ask(&self) -> Ask {
        if self.operation.embeds() {
            return self.embed_ask();
        }
        let body = &self.body;
        let words = |key: &str| body.read_as::<Words>(key);
        let messages = body.read_as::<Messages>("messages").map(|Messages(list)| list);
        let prompt = words("prompt").or_else(|| words("input")).filter(|_| messages.is_none());
        let system = words("system").or_else(|| words("instructions"));
        let own = body.read_as::<Count>("images").map_or(0, |Count(count)| count);
        let images = own
            + messages.iter().flatten().map(|message| message.words.images).sum::<usize>()
            + prompt.as_ref().map_or(0, |words| words.images);
        let most = ["max_tokens", "max_completion_tokens", "max_output_tokens"];
        let max_tokens =
            most.iter().find_map(|key| body.read_as::<u64>(key)).or_else(|| self.option("num_predict"));
        let has_tools = body.read_as::<Count>("tools").is_some_and(|Count(count)| count > 0);
        Ask {
            prompt: prompt.map(|words| words.text),
            messages: messages.map(|list| list.into_iter().map(message).collect()),
            system: system.map(|words| words.text),
            max_tokens: max_tokens.and_then(|tokens| u32::try_from(tokens).ok()).filter(|tokens| *tokens > 0),
            schema: self.schema(),
            images: (images > 0).then(|| vec![String::new(); images]),
            // Read for their length only.
            tools: body.raw("tools").filter(|_| has_tools).map(|text| vec![text.into()]),
            think: self.thinks(),
            ..Ask::default()
        }
    }

    fn embed_ask(&self) -> Ask {
        let texts = ["input", "prompt"].iter().find_map(|key| self.body.read_as::<Texts>(key));
        let text = |text| message(Message { role: "user".to_owned(), words: Words { text, images: 0 } });
        Ask {
            messages: texts.map(|Texts(list)| list.into_iter().map(text).collect()),
            task: Some(Task::Embed),
            ..Ask::default()
        }
    }

    /// What the answer must fit.
    fn schema(&self) -> Option<Value> {
        let format = self.body.small("format", SCHEMA_MAX).or_else(|| {
            let format = self.body.small("response_format", SCHEMA_MAX)?;
            Some(format.get("json_schema")?.get("schema")?.clone())
        });
        let format = format.or_else(|| {
            let text = self.body.small("text", SCHEMA_MAX)?;
            Some(text.get("format")?.get("schema")?.clone())
        });
        // Ollama takes an empty text for none.
        format.filter(|format| format != "")
    }

    /// Whether, or how hard, the model is to think; `None` where the client leaves it open.
    fn thinks(&self) -> Option<Value> {
        let small = |key| self.body.small(key, SMALL_MAX);
        let effort = |value: Value| if value == "none" { false.into() } else { value };
        small("think")
            .or_else(|| small("reasoning_effort").map(effort))
            .or_else(|| {
                Some(effort(small("reasoning")?.get("effort")?.clone())).filter(|value| !value.is_null())
            })
            .or_else(|| Some((small("thinking")?.get("type")? == "enabled").into()))
    }
}

fn message(message: Message) -> Object {
    Object::from_iter(
        [("role", message.role), ("content", message.words.text)]
            .map(|(key, text)| (key.to_owned(), text.into())),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(operation: Operation, body: &Value) -> Inference {
        Inference::read(operation, ObjectText::read(body.to_string().into()), &Inventory::default())
    }

    fn sent(inference: &Inference) -> Value {
        let arm = Arm { host: "pc".into(), model: "m:latest".into() };
        let options = CallOptions { num_ctx: Some(8192), num_predict: None, keep_alive_s: Some(330) };
        serde_json::from_slice(&inference.body_for(&arm, &options)).unwrap_or_default()
    }

    #[test]
    fn streaming_is_ollamas_default_and_not_openais() {
        let body = json!({"model": "auto", "messages": [{"role": "user", "content": "Hi"}]});
        assert!(read(Operation::Chat, &body).streams);
        assert!(!read(Operation::OpenAiChat, &body).streams);
    }

    #[test]
    fn auto_names_the_arms_model_and_its_context_unless_the_client_named_one() {
        let chat = read(Operation::Chat, &json!({"model": "auto:fast", "messages": [], "stream": false}));
        assert_eq!(chat.choice, Choice::Auto(Mode::Fast));
        assert_eq!(
            sent(&chat),
            json!({"model": "m:latest", "messages": [], "stream": true, "options": {"num_ctx": 8192}, "keep_alive": 330})
        );
        let own = json!({"model": "m", "prompt": "Hi", "options": {"num_ctx": 512}, "keep_alive": "1h"});
        assert_eq!(sent(&read(Operation::Generate, &own)), own);
    }

    #[test]
    fn openai_streams_are_asked_to_count() {
        let body = json!({"model": "m", "stream": true, "messages": []});
        let chat = read(Operation::OpenAiChat, &body);
        assert_eq!(sent(&chat).get("stream_options"), Some(&json!({"include_usage": true})));
        let known = ["options", "keep_alive"].map(|key| sent(&chat).get(key).cloned());
        assert_eq!(known, [None, None], "OpenAI's words know neither");
    }

    #[test]
    fn parts_are_read_as_text_and_images_need_vision() {
        let content = json!([{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": "x"}}]);
        let body = json!({"model": "auto", "messages": [{"role": "user", "content": content}]});
        let request = read(Operation::OpenAiChat, &body).request();
        assert_eq!(request.task, Task::Vision);
    }

    #[test]
    fn a_batch_to_embed_is_as_long_as_its_longest_text() {
        let of = |input: Value| read(Operation::Embed, &json!({"model": "e", "input": input})).request();
        let one = of(json!("seven words that are all alike here"));
        let batch = of(json!(vec!["seven words that are all alike here"; 40]));
        assert_eq!(batch.longest_text_tokens, one.longest_text_tokens);
        assert!(batch.prompt_tokens > 30 * one.prompt_tokens);
    }

    #[test]
    fn a_request_without_anything_to_answer_only_loads_or_unloads() {
        assert!(read(Operation::Generate, &json!({"model": "m"})).is_empty());
        let unload = read(Operation::Chat, &json!({"model": "m", "messages": [], "keep_alive": 0}));
        assert!(unload.is_empty() && unload.unloads());
        assert!(
            !read(Operation::Generate, &json!({"model": "m", "prompt": "Hi", "keep_alive": "5m"})).unloads()
        );
    }
}
