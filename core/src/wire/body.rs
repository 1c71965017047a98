//! The HTTP body of a call.

use serde_json::{Map, Value, json};

use super::ask::{Ask, is_user};
use crate::effect::CallOptions;
use crate::request::Task;

impl Ask {
    /// The body to send to [`Ask::endpoint`] for this model. A chat always streams, and is never silently cut to fit:
    /// a prompt that is too long comes back as `context_too_small`.
    pub fn body(&self, model: &str, options: &CallOptions) -> Value {
        let mut body = Map::new();
        body.insert("model".to_owned(), model.into());
        if self.task == Some(Task::Embed) {
            body.insert("input".to_owned(), self.texts().collect());
        } else {
            body.insert("messages".to_owned(), self.chat_messages());
            body.insert("stream".to_owned(), true.into());
            body.insert("truncate".to_owned(), false.into());
            insert(&mut body, "format", self.schema.as_ref());
            insert(&mut body, "think", self.think.as_ref());
            if let Some(tools) = &self.tools {
                body.insert("tools".to_owned(), tools.clone().into());
            }
        }
        insert(&mut body, "keep_alive", self.keep_alive.as_ref());
        let options = self.merged(options);
        if !options.is_empty() {
            body.insert("options".to_owned(), options.into());
        }
        body.into()
    }

    fn chat_messages(&self) -> Value {
        let system = self.system.as_ref().map(|text| json!({"role": "system", "content": text}));
        let prompt = self.prompt.as_ref().map(|text| json!({"role": "user", "content": text}));
        let given = self.messages.iter().flatten().cloned().map(Value::Object);
        let mut messages: Vec<Value> = system.into_iter().chain(prompt).chain(given).collect();
        let last =
            messages.iter_mut().rev().filter_map(Value::as_object_mut).find(|message| is_user(message));
        if let (Some(images), Some(message)) = (&self.images, last) {
            let own = message.get("images").and_then(Value::as_array).cloned().unwrap_or_default();
            let all: Vec<Value> =
                own.into_iter().chain(images.iter().map(|image| image.as_str().into())).collect();
            message.insert("images".to_owned(), all.into());
        }
        messages.into()
    }

    /// The caller's options under the dispatcher's.
    fn merged(&self, options: &CallOptions) -> Map<String, Value> {
        let mut merged = self.options.clone().unwrap_or_default();
        let embeds = self.task == Some(Task::Embed);
        if let Some(tokens) = options.num_predict.or(self.max_tokens).filter(|_| !embeds) {
            merged.insert("num_predict".to_owned(), tokens.into());
        }
        if let Some(tokens) = options.num_ctx {
            merged.insert("num_ctx".to_owned(), tokens.into());
        }
        merged
    }
}

fn insert(body: &mut Map<String, Value>, key: &str, value: Option<&Value>) {
    if let Some(value) = value {
        body.insert(key.to_owned(), value.clone());
    }
}
