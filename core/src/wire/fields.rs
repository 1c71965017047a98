//! The fields of what a caller sends, read one by one: an error names the key and what it may be, never the value.

use crate::json::{Json, Object};

use crate::failure::{DispatchError, DispatchErrorCode};
use crate::names::ModelName;
use crate::request::{Mode, Task};

const ROLES: [&str; 4] = ["system", "user", "assistant", "tool"];

/// The refusal of an ask.
pub(super) fn invalid(message: impl Into<String>, hint: impl Into<String>) -> DispatchError {
    DispatchError::new(DispatchErrorCode::InvalidRequest, message, hint)
}

/// The JSON object a caller sends; reading a field takes it out, so that what is left is unknown. `null` counts as absent.
pub(super) struct Fields(Object);

impl Fields {
    pub(super) fn of(value: Json) -> Result<Self, DispatchError> {
        if let Json::Object(map) = value {
            return Ok(Self(map));
        }
        Err(invalid("an ask must be a JSON object", "Send an object such as {\"prompt\":\"…\"}."))
    }

    /// Refuses what is left.
    pub(super) fn finish(self, known: &str) -> Result<(), DispatchError> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(key) => {
                let key: String = key.chars().take(40).collect();
                Err(invalid(format!("{key}: unknown key"), format!("Known keys: {known}.")))
            }
        }
    }

    pub(super) fn id(&mut self) -> Result<Json, DispatchError> {
        let id = self.take("id", "a text or a number", |value| value.is_text() || value.is_number())?;
        Ok(id.unwrap_or_default())
    }

    pub(super) fn text(&mut self, key: &str) -> Result<Option<String>, DispatchError> {
        Ok(match self.take(key, "a text", Json::is_text)? {
            Some(Json::Text(text)) => Some(text),
            _ => None,
        })
    }

    /// A text that is not blank.
    pub(super) fn name(&mut self, key: &str) -> Result<Option<String>, DispatchError> {
        let name = self.text(key)?;
        match &name {
            Some(text) if text.trim().is_empty() => Err(wrong(key, "a text that is not empty, or left out")),
            _ => Ok(name),
        }
    }

    pub(super) fn models(&mut self) -> Result<Option<Vec<ModelName>>, DispatchError> {
        let allowed = "a list of model names, at least one";
        let Some(list) = self.list("models", allowed)? else { return Ok(None) };
        let names = list.into_iter().map(|entry| {
            let Json::Text(name) = entry else { return None };
            (!name.trim().is_empty()).then(|| ModelName::from(name))
        });
        let names = names.collect::<Option<Vec<_>>>().filter(|names| !names.is_empty());
        names.map(Some).ok_or_else(|| wrong("models", allowed))
    }

    pub(super) fn whole(&mut self, key: &str, low: u64, high: u64) -> Result<Option<u64>, DispatchError> {
        let allowed = format!("a whole number from {low} to {high}");
        let number = |value: &Json| {
            let number = value.as_f64()?;
            let fits = number >= low as f64 && number <= high as f64 && number % 1.0 == 0.0;
            fits.then_some(number as u64)
        };
        let value = self.take(key, &allowed, |value| number(value).is_some())?;
        Ok(value.as_ref().and_then(number))
    }

    /// A number from 0 to 1.
    pub(super) fn share(&mut self, key: &str) -> Result<Option<f64>, DispatchError> {
        let fits = |value: &Json| value.as_f64().is_some_and(|number| (0.0..=1.0).contains(&number));
        Ok(self.take(key, "a number from 0 to 1", fits)?.as_ref().and_then(Json::as_f64))
    }

    pub(super) fn flag(&mut self, key: &str) -> Result<Option<bool>, DispatchError> {
        let value = self.take(key, "true or false", |value| value.as_bool().is_some())?;
        Ok(value.as_ref().and_then(Json::as_bool))
    }

    pub(super) fn thumbs(&mut self) -> Result<Option<bool>, DispatchError> {
        match self.text("thumbs")?.as_deref() {
            None => Ok(None),
            Some("up") => Ok(Some(true)),
            Some("down") => Ok(Some(false)),
            Some(_) => Err(wrong("thumbs", "\"up\" or \"down\"")),
        }
    }

    pub(super) fn task(&mut self) -> Result<Option<Task>, DispatchError> {
        let Some(word) = self.text("task")? else { return Ok(None) };
        if word == "auto" {
            return Ok(None);
        }
        let known = Task::ALL.into_iter().find(|task| task.as_str() == word);
        let allowed = || format!("auto, {}", Task::ALL.map(Task::as_str).join(", "));
        known.map(Some).ok_or_else(|| wrong("task", &format!("one of {}", allowed())))
    }

    pub(super) fn mode(&mut self) -> Result<Option<Mode>, DispatchError> {
        match self.text("mode")?.as_deref() {
            None => Ok(None),
            Some("fast") => Ok(Some(Mode::Fast)),
            Some("balanced") => Ok(Some(Mode::Balanced)),
            Some("best") => Ok(Some(Mode::Best)),
            Some(_) => Err(wrong("mode", "one of fast, balanced, best")),
        }
    }

    pub(super) fn messages(&mut self) -> Result<Option<Vec<Object>>, DispatchError> {
        let allowed = "a list of {role, content}; role is system, user, assistant or tool, content a text";
        let Some(list) = self.list("messages", allowed)? else { return Ok(None) };
        let messages = list.into_iter().map(|entry| {
            let Json::Object(message) = entry else { return None };
            is_message(&message).then_some(message)
        });
        messages.collect::<Option<_>>().map(Some).ok_or_else(|| wrong("messages", allowed))
    }

    pub(super) fn schema(&mut self) -> Result<Option<Json>, DispatchError> {
        self.take("schema", "a JSON schema object or \"json\"", |value| {
            value.is_object() || value.as_str() == Some("json")
        })
    }

    pub(super) fn options(&mut self) -> Result<Option<Object>, DispatchError> {
        let allowed = "an object of Ollama's options: numbers, true or false, texts, or lists of texts";
        let Some(Json::Object(options)) = self.take("options", allowed, Json::is_object)? else {
            return Ok(None);
        };
        if options.contains_key("num_ctx") {
            return Err(invalid(
                "options.num_ctx: the dispatcher sets it, one value per model, so that no ask reloads a model",
                "Leave it out; the context is chosen to fit the prompt.",
            ));
        }
        let plain = |value: &Json| match value {
            Json::List(list) => list.iter().all(Json::is_text),
            Json::Null | Json::Object(_) => false,
            Json::Bool(_) | Json::Whole(_) | Json::Negative(_) | Json::Float(_) | Json::Text(_) => true,
        };
        if options.values().all(plain) { Ok(Some(options)) } else { Err(wrong("options", allowed)) }
    }

    pub(super) fn images(&mut self) -> Result<Option<Vec<String>>, DispatchError> {
        let allowed = "a list of images in base64";
        let Some(list) = self.list("images", allowed)? else { return Ok(None) };
        let images = list.into_iter().map(|entry| {
            let Json::Text(image) = entry else { return None };
            (!image.is_empty()).then_some(image)
        });
        images.collect::<Option<_>>().map(Some).ok_or_else(|| wrong("images", allowed))
    }

    pub(super) fn tools(&mut self) -> Result<Option<Vec<Json>>, DispatchError> {
        let allowed = "a list of tools in Ollama's shape";
        let tools = self.list("tools", allowed)?;
        match tools {
            Some(list) if !list.iter().all(Json::is_object) => Err(wrong("tools", allowed)),
            _ => Ok(tools),
        }
    }

    pub(super) fn think(&mut self) -> Result<Option<Json>, DispatchError> {
        let level = |value: &Json| {
            value.as_bool().is_some()
                || value.as_str().is_some_and(|word| ["low", "medium", "high", "max"].contains(&word))
        };
        self.take("think", "true, false, \"low\", \"medium\", \"high\" or \"max\"", level)
    }

    pub(super) fn keep_alive(&mut self) -> Result<Option<Json>, DispatchError> {
        let duration = |value: &Json| value.is_number() || value.as_str().is_some_and(is_duration);
        self.take("keep_alive", "a number of seconds or a duration such as \"5m\"", duration)
    }

    fn list(&mut self, key: &str, allowed: &str) -> Result<Option<Vec<Json>>, DispatchError> {
        Ok(match self.take(key, allowed, Json::is_list)? {
            Some(Json::List(list)) => Some(list),
            _ => None,
        })
    }

    fn take(
        &mut self,
        key: &str,
        allowed: &str,
        accepts: impl Fn(&Json) -> bool,
    ) -> Result<Option<Json>, DispatchError> {
        match self.0.remove(key) {
            None | Some(Json::Null) => Ok(None),
            Some(value) if accepts(&value) => Ok(Some(value)),
            Some(_) => Err(wrong(key, allowed)),
        }
    }
}

fn wrong(key: &str, allowed: &str) -> DispatchError {
    invalid(format!("{key}: must be {allowed}"), format!("Correct {key}, or leave it out."))
}

fn is_message(message: &Object) -> bool {
    let role = message.get("role").and_then(Json::as_str);
    let content_fits = match message.get("content") {
        Some(content) => content.is_text() || (content.is_null() && message.contains_key("tool_calls")),
        None => message.contains_key("tool_calls"),
    };
    let images_fit = message.get("images").is_none_or(|images| {
        images.is_null() || images.as_list().is_some_and(|list| list.iter().all(Json::is_text))
    });
    role.is_some_and(|role| ROLES.contains(&role)) && content_fits && images_fit
}

/// As Go reads durations: numbers with units, such as `1h30m`, `-1m`, `0`.
fn is_duration(text: &str) -> bool {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let known = |part: char| part.is_ascii_digit() || "hmsnuµ.".contains(part);
    body.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && body.chars().all(known)
        && (body == "0" || body.ends_with(['h', 'm', 's']))
}
