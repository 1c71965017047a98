//! The HTTP body of a call.

use crate::json::{Json, Object};

use super::ask::{Ask, is_user};
use crate::effect::CallOptions;
use crate::request::Task;

impl Ask {
    /// The body to send to [`Ask::endpoint`] for this model. A chat always streams, and is never silently cut to fit:
    /// a prompt that is too long comes back as `context_too_small`.
    pub fn body(&self, model: &str, options: &CallOptions) -> Json {
        let mut body = Object::new();
        body.insert("model", model);
        if self.task == Some(Task::Embed) {
            body.insert("input", self.texts().into_iter().map(Json::from).collect::<Vec<_>>());
        } else {
            body.insert("messages", self.chat_messages());
            body.insert("stream", true);
            body.insert("truncate", false);
            insert(&mut body, "format", self.schema.as_ref());
            insert(&mut body, "think", self.think.as_ref());
            if let Some(tools) = &self.tools {
                body.insert("tools", tools.clone());
            }
        }
        let chosen = options.keep_alive_s.map(Json::from);
        insert(&mut body, "keep_alive", self.keep_alive.as_ref().or(chosen.as_ref()));
        let options = self.merged(options);
        if !options.is_empty() {
            body.insert("options", options);
        }
        body.into()
    }

    fn chat_messages(&self) -> Json {
        let mut messages: Vec<Json> = Vec::new();
        for (role, text) in [("system", &self.system), ("user", &self.prompt)] {
            messages.extend(text.as_ref().map(|text| message(role, text)));
        }
        for given in self.turns() {
            messages.push(Json::Object(given.clone()));
        }
        let last = messages.iter_mut().rev().filter_map(Json::as_object_mut).find(|message| is_user(message));
        if let (Some(images), Some(message)) = (&self.images, last) {
            let own = message.get("images").and_then(Json::as_list).unwrap_or_default().iter().cloned();
            let all: Vec<Json> = own.chain(images.iter().map(|image| image.as_str().into())).collect();
            message.insert("images", all);
        }
        messages.into()
    }

    /// The caller's options under the dispatcher's.
    fn merged(&self, options: &CallOptions) -> Object {
        let mut merged = self.options.clone().unwrap_or_default();
        let embeds = self.task == Some(Task::Embed);
        if let Some(tokens) = options.num_predict.or(self.max_tokens).filter(|_| !embeds) {
            merged.insert("num_predict", tokens);
        }
        if let Some(tokens) = options.num_ctx {
            merged.insert("num_ctx", tokens);
        }
        merged
    }
}

fn message(role: &str, content: &str) -> Json {
    let mut message = Object::new();
    message.insert("role", role);
    message.insert("content", content);
    message.into()
}

fn insert(body: &mut Object, key: &str, value: Option<&Json>) {
    if let Some(value) = value {
        body.insert(key, value.clone());
    }
}
