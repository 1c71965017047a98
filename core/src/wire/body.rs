//! The HTTP body of a call.

use serde_json::Value;

use crate::json::Object;

use super::ask::{Ask, is_user};
use crate::effect::CallOptions;

impl Ask {
    /// The body to send to [`Ask::endpoint`] for this model. A chat always streams, and is never silently cut to fit:
    /// a prompt that is too long comes back as `context_too_small`.
    pub fn body(&self, model: &str, options: &CallOptions) -> Value {
        self.body_with(model, options, &[])
    }

    /// The body, with messages that follow those of the ask.
    pub(super) fn body_with(&self, model: &str, options: &CallOptions, more: &[Value]) -> Value {
        let mut body = Object::new();
        put(&mut body, "model", model);
        if self.embeds() {
            put(&mut body, "input", self.texts().into_iter().map(Value::from).collect::<Vec<_>>());
        } else {
            put(&mut body, "messages", self.chat_messages(more));
            put(&mut body, "stream", true);
            put(&mut body, "truncate", false);
            insert(&mut body, "format", self.schema.as_ref());
            insert(&mut body, "think", self.think.as_ref());
            if let Some(tools) = &self.tools {
                put(&mut body, "tools", tools.clone());
            }
        }
        let chosen = options.keep_alive_s.map(Value::from);
        insert(&mut body, "keep_alive", self.keep_alive.as_ref().or(chosen.as_ref()));
        let options = self.merged(options);
        if !options.is_empty() {
            put(&mut body, "options", options);
        }
        body.into()
    }

    fn chat_messages(&self, more: &[Value]) -> Value {
        let mut messages: Vec<Value> = Vec::new();
        for (role, text) in [("system", &self.system), ("user", &self.prompt)] {
            messages.extend(text.as_ref().map(|text| message(role, text)));
        }
        for given in self.turns() {
            messages.push(Value::Object(given.clone()));
        }
        let last =
            messages.iter_mut().rev().filter_map(Value::as_object_mut).find(|message| is_user(message));
        if let (Some(images), Some(message)) = (&self.images, last) {
            let own = message.get("images").and_then(Value::as_array).into_iter().flatten().cloned();
            let all: Vec<Value> = own.chain(images.iter().map(|image| image.as_str().into())).collect();
            put(message, "images", all);
        }
        messages.extend_from_slice(more);
        messages.into()
    }

    /// The caller's options under the dispatcher's.
    fn merged(&self, options: &CallOptions) -> Object {
        let mut merged = self.options.clone().unwrap_or_default();
        if let Some(tokens) = options.num_predict.or(self.max_tokens).filter(|_| !self.embeds()) {
            put(&mut merged, "num_predict", tokens);
        }
        if let Some(tokens) = options.num_ctx {
            put(&mut merged, "num_ctx", tokens);
        }
        merged
    }
}

pub(super) fn message(role: &str, content: &str) -> Value {
    let mut message = Object::new();
    put(&mut message, "role", role);
    put(&mut message, "content", content);
    message.into()
}

fn insert(body: &mut Object, key: &str, value: Option<&Value>) {
    if let Some(value) = value {
        put(body, key, value.clone());
    }
}

fn put(body: &mut Object, key: &str, value: impl Into<Value>) {
    body.insert(key.to_owned(), value.into());
}
