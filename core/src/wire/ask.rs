//! What a caller asks: one JSONL line of `smart-ai ask`, and the argument of every `ask`.

use serde_json::Value;

use crate::json::Object;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use super::fields::{Fields, invalid};
use super::rollout::Rollout;
use super::surrogates::json_text;
use crate::classify::{Cues, stated_tokens, task_of, text_tokens};
use crate::failure::DispatchError;
use crate::fleet::fingerprints;
use crate::names::{HostId, ModelName, Shape};
use crate::request::{Capability, Mode, Request, Task, Writing};

const KNOWN: &str = "id, prompt, messages, system, task, shape, mode, model, models, host, deadline_ms, max_tokens, \
                     schema, options, images, tools, think, keep_alive, rollout";
/// Tokens one image takes, about: models use 250 to 1,600.
const IMAGE_TOKENS: u32 = 768;
/// Tokens that frame one message in a chat template.
const FRAME_TOKENS: u32 = 4;
/// A year.
const DEADLINE_MAX_MS: u64 = 366 * 86_400_000;
const OUTPUT_TOKENS_MAX: u64 = 10_000_000;

/// One ask. Exactly one of `prompt` and `messages` is given.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts", optional_fields))]
pub struct Ask {
    /// The caller's own name for it, handed back with the answer.
    #[serde(skip_serializing_if = "Value::is_null")]
    #[cfg_attr(feature = "typescript", ts(type = "string | number | null", optional))]
    pub id: Value,
    /// The prompt; of an `embed` task, the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// A conversation in Ollama's shape; of an `embed` task, one text each.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "typescript",
        ts(
            type = "Array<{ role: \"system\" | \"user\" | \"assistant\" | \"tool\"; content?: string; [key: string]: unknown }>",
            optional
        )
    )]
    pub messages: Option<Vec<Object>>,
    /// Instructions before the prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The kind of work; absent or `"auto"`: seen from the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(type = "Task | \"auto\"", optional))]
    pub task: Option<Task>,
    /// Similar asks share a shape; their history predicts this one's length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<Shape>,
    /// The price of quality.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Only this model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelName>,
    /// Models the caller accepts: each is good enough, so that only time decides among them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<ModelName>>,
    /// Only this host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<HostId>,
    /// Milliseconds until the answer is worthless.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(type = "number", optional))]
    pub deadline_ms: Option<u64>,
    /// Cap on the answer's tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// A JSON schema the answer must fit, or `"json"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(type = "Record<string, unknown> | \"json\"", optional))]
    pub schema: Option<Value>,
    /// Ollama's generation options; not `num_ctx`, which the dispatcher sets.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(type = "Record<string, unknown>", optional))]
    pub options: Option<Object>,
    /// Images in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<Vec<String>>,
    /// Tools the model may call, in Ollama's shape.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(type = "Array<Record<string, unknown>>", optional))]
    pub tools: Option<Vec<Value>>,
    /// Whether, or how hard (`"low"`, `"medium"`, `"high"`, `"max"`), the model thinks first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "typescript",
        ts(type = "boolean | \"low\" | \"medium\" | \"high\" | \"max\"", optional)
    )]
    pub think: Option<Value>,
    /// How long the model stays loaded: seconds, or a duration like `"5m"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(type = "string | number", optional))]
    pub keep_alive: Option<Value>,
    /// Lets the dispatcher choose for a share of the asks that name a `model` or `host`, and compares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Rollout>,
}

impl Ask {
    /// Reads an ask from JSON.
    ///
    /// # Errors
    /// `invalid_request` where it is not JSON, has an unknown key, or a value of the wrong kind; never quotes a value.
    pub fn from_json(json: &str) -> Result<Self, DispatchError> {
        let value = serde_json::from_str::<Value>(&json_text(json.as_bytes())).map_err(|error| {
            let place = format!("not JSON: line {}, column {}", error.line(), error.column());
            invalid(place, "Send one JSON object, such as {\"prompt\":\"…\"}.")
        })?;
        Self::from_value(value)
    }

    /// Reads an ask from a JSON value.
    ///
    /// # Errors
    /// As [`Ask::from_json`].
    pub fn from_value(value: impl Into<Value>) -> Result<Self, DispatchError> {
        let mut fields = Fields::of(value.into())?;
        let ask = Self {
            id: fields.id(),
            prompt: fields.text("prompt"),
            messages: fields.messages(),
            system: fields.text("system"),
            task: fields.task(),
            shape: fields.name("shape").map(Shape::from),
            mode: fields.mode(),
            model: fields.name("model").map(ModelName::from),
            models: fields.models(),
            host: fields.name("host").map(HostId::from),
            deadline_ms: fields.whole("deadline_ms", 1, DEADLINE_MAX_MS),
            max_tokens: fields.whole("max_tokens", 1, OUTPUT_TOKENS_MAX).map(|tokens| tokens as u32),
            schema: fields.schema(),
            options: fields.options(),
            images: fields.images(),
            tools: fields.tools(),
            think: fields.think(),
            keep_alive: fields.keep_alive(),
            rollout: Rollout::read(&mut fields),
        };
        fields.finish(KNOWN)?;
        Ok(ask)
    }

    /// The request as core sees it: checked, classified and measured.
    ///
    /// # Errors
    /// `invalid_request` where there is nothing to ask, or keys do not go together.
    pub fn request(&self) -> Result<Request, DispatchError> {
        self.check_content()?;
        let (task, prompt_tokens) = (self.task(), self.prompt_tokens());
        let mut request = Request::new(task, prompt_tokens);
        if task == Task::Embed {
            self.check_embed()?;
        } else {
            request.prefix = fingerprints(self.texts().into_iter());
            request.stated_tokens = stated_tokens(&self.instructions());
        }
        request.mode = self.mode.unwrap_or_default();
        request.shape.clone_from(&self.shape);
        request.max_tokens = self.max_tokens.or_else(|| self.option("num_predict"));
        request.deadline_ms = self.deadline_ms;
        request.model.clone_from(&self.model);
        request.models.clone_from(&self.models);
        request.host.clone_from(&self.host);
        if let Some(rollout) = &self.rollout {
            rollout.apply(self.texts(), &mut request)?;
        }
        request.num_ctx = self.option("num_ctx");
        request.names_keep_alive = self.keep_alive.is_some();
        if task == Task::Embed {
            request.longest_text_tokens = self.texts().into_iter().map(text_tokens).max();
        }
        if self.image_count() > 0 && task != Task::Vision {
            request.needs.push(Capability::Vision);
        }
        if self.tools.as_ref().is_some_and(|tools| !tools.is_empty()) {
            request.needs.push(Capability::Tools);
            request.writing = Writing::ToolCalls;
        } else if self.schema.is_some() {
            request.writing = Writing::Schema;
        }
        if self.think.as_ref().is_some_and(|think| *think != Value::Bool(false)) {
            request.needs.push(Capability::Thinking);
        }
        Ok(request)
    }

    /// The path of the call.
    pub fn endpoint(&self) -> &'static str {
        if self.embeds() { "/api/embed" } else { "/api/chat" }
    }

    /// Whether vectors are asked for, which come as one JSON text; anything else comes line by line.
    pub(super) fn embeds(&self) -> bool {
        self.task == Some(Task::Embed)
    }

    /// The messages, if there are any.
    pub(super) fn turns(&self) -> &[Object] {
        self.messages.as_deref().unwrap_or_default()
    }

    /// Every text of it, in order.
    pub(super) fn texts(&self) -> Vec<&str> {
        let mut texts = Vec::new();
        for text in [&self.system, &self.prompt] {
            texts.extend(text.as_deref());
        }
        for message in self.turns() {
            texts.extend(content(message));
        }
        texts
    }

    fn check_content(&self) -> Result<(), DispatchError> {
        let hint = "Give either prompt, a text, or messages, a list of {role, content}.";
        match (&self.prompt, &self.messages) {
            (None, None) => return Err(invalid("neither prompt nor messages is given", hint)),
            (Some(_), Some(_)) => return Err(invalid("both prompt and messages are given", hint)),
            (Some(prompt), None) if prompt.trim().is_empty() && self.image_count() == 0 => {
                return Err(invalid("prompt: is empty", hint));
            }
            (None, Some(messages)) => {
                let asked = |message: &Object| {
                    content(message).is_some_and(|text| !text.trim().is_empty()) && role(message) != "system"
                };
                if !messages.iter().any(asked) && self.image_count() == 0 {
                    return Err(invalid("messages: hold no text to answer", hint));
                }
            }
            (Some(_), None) => {}
        }
        if self.image_count() > 0 && self.messages.as_ref().is_some_and(|list| !list.iter().any(is_user)) {
            return Err(invalid(
                "images: there is no user message to add them to",
                "Add a message with role user.",
            ));
        }
        Ok(())
    }

    fn check_embed(&self) -> Result<(), DispatchError> {
        let extra = [
            ("schema", self.schema.is_some()),
            ("tools", self.tools.is_some()),
            ("images", self.image_count() > 0),
            ("think", self.think.is_some()),
            ("system", self.system.is_some()),
        ];
        match extra.iter().find(|(_, given)| *given) {
            Some((key, _)) => Err(invalid(
                format!("{key}: cannot be used with task embed"),
                "Leave it out, or choose another task.",
            )),
            None => Ok(()),
        }
    }

    /// The stated task, or the one the texts show.
    fn task(&self) -> Task {
        if let Some(task) = self.task {
            return task;
        }
        if self.image_count() > 0 {
            return Task::Vision;
        }
        let conversation = self.turns().iter().any(|message| role(message) == "assistant");
        let cues = Cues { schema: self.schema.is_some(), choice: self.is_choice(), conversation };
        task_of(&self.instructions(), cues)
    }

    /// Where it says what to do: the system text and the last that the user says.
    fn instructions(&self) -> String {
        let messages = self.turns().iter();
        let last = messages.clone().rev().find(|message| is_user(message)).and_then(content);
        let first = messages.clone().find(|message| role(message) == "system").and_then(content);
        let mut text = self.system.as_deref().or(first).unwrap_or_default().to_owned();
        text.push('\n');
        text.push_str(self.prompt.as_deref().or(last).unwrap_or_default());
        text
    }

    /// The schema lets the model choose one of a few words.
    fn is_choice(&self) -> bool {
        let Some(schema) = &self.schema else { return false };
        let properties = schema.get("properties").and_then(Value::as_object);
        let has_enum = |part: &Value| part.get("enum").is_some();
        has_enum(schema) || properties.is_some_and(|parts| parts.len() <= 2 && parts.values().any(has_enum))
    }

    fn prompt_tokens(&self) -> u32 {
        let mut tokens = (self.image_count() as u32).saturating_mul(IMAGE_TOKENS);
        for text in &self.texts() {
            tokens = tokens.saturating_add(text_tokens(text).saturating_add(FRAME_TOKENS));
        }
        for tool in self.tools.as_deref().unwrap_or_default() {
            tokens = tokens.saturating_add(text_tokens(&tool.to_string()));
        }
        tokens
    }

    fn image_count(&self) -> usize {
        let own = self.images.as_ref().map_or(0, Vec::len);
        let count = |message| Object::get(message, "images").and_then(Value::as_array).map_or(0, Vec::len);
        own + self.turns().iter().map(count).sum::<usize>()
    }

    /// A whole number above zero among the options.
    fn option(&self, key: &str) -> Option<u32> {
        let tokens = self.options.as_ref()?.get(key)?.as_u64()?;
        u32::try_from(tokens).ok().filter(|tokens| *tokens > 0)
    }
}

impl<'de> Deserialize<'de> for Ask {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_value(Value::deserialize(deserializer)?).map_err(|error| D::Error::custom(error.message))
    }
}

pub(super) fn content(message: &Object) -> Option<&str> {
    message.get("content")?.as_str()
}

fn role(message: &Object) -> &str {
    message.get("role").and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn is_user(message: &Object) -> bool {
    role(message) == "user"
}
