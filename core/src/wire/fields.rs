//! The fields of what a caller sends, read one by one: an error names the key and what it may be, never the value.

use jiff::Timestamp;
use serde_json::Value;

use crate::json::Object;

use crate::failure::{DispatchError, DispatchErrorCode};
use crate::names::ModelName;
use crate::request::{Mode, Task};
use crate::text::first;

/// The year 3000, in milliseconds since 1970.
const LATEST_MS: u64 = 32_503_680_000_000;
const ROLES: [&str; 4] = ["system", "user", "assistant", "tool"];

/// Milliseconds since 1970 of a number or a moment in RFC 3339.
fn moment_ms(value: &Value) -> Option<u64> {
    let ms = match value {
        Value::String(text) => text.parse::<Timestamp>().ok()?.as_millisecond() as f64,
        Value::Number(number) => number.as_f64()?,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    (ms >= 0.0 && ms <= LATEST_MS as f64).then_some(ms as u64)
}

/// The refusal of an ask.
pub(super) fn invalid(message: impl AsRef<str>, hint: impl AsRef<str>) -> DispatchError {
    DispatchError::new(DispatchErrorCode::InvalidRequest, message, hint)
}

/// The JSON object a caller sends; reading a field takes it out, so that what is left is unknown. `null` counts as absent.
/// Keeps the first refusal: a field that is refused reads as absent.
pub(super) struct Fields {
    left: Object,
    refusal: Option<DispatchError>,
}

impl Fields {
    pub(super) fn of(value: Value) -> Result<Self, DispatchError> {
        if let Value::Object(map) = value {
            return Ok(Self { left: map, refusal: None });
        }
        Err(invalid("an ask must be a JSON object", "Send an object such as {\"prompt\":\"…\"}."))
    }

    /// The first refusal so far.
    pub(super) fn refused(&mut self) -> Result<(), DispatchError> {
        self.refusal.take().map_or(Ok(()), Err)
    }

    /// Refuses what is left.
    pub(super) fn finish(mut self, known: &str) -> Result<(), DispatchError> {
        self.refused()?;
        match self.left.keys().next() {
            None => Ok(()),
            Some(key) => {
                let (key, _) = first(key, 40);
                Err(invalid(format!("{key}: unknown key"), format!("Known keys: {known}.")))
            }
        }
    }

    pub(super) fn id(&mut self) -> Value {
        let id = self.take("id", "a text or a number", &|value| value.is_string() || value.is_number());
        id.unwrap_or_default()
    }

    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        match self.take(key, "a text", &Value::is_string) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// A text that is not blank.
    pub(super) fn name(&mut self, key: &str) -> Option<String> {
        let name = self.text(key)?;
        self.unless(name.trim().is_empty(), key, "a text that is not empty, or left out")?;
        Some(name)
    }

    pub(super) fn models(&mut self) -> Option<Vec<ModelName>> {
        let allowed = "a list of model names, at least one";
        let names = self.texts("models", allowed)?;
        let wrong = names.is_empty() || names.iter().any(|name| name.trim().is_empty());
        self.unless(wrong, "models", allowed)?;
        let mut models = Vec::new();
        for name in names {
            models.push(ModelName::from(name));
        }
        Some(models)
    }

    pub(super) fn whole(&mut self, key: &str, low: u64, high: u64) -> Option<u64> {
        let allowed = format!("a whole number from {low} to {high}");
        let fits = |number: f64| number >= low as f64 && number <= high as f64 && number % 1.0 == 0.0;
        let value = self.take(key, &allowed, &|value| value.as_f64().is_some_and(fits))?;
        Some(value.as_f64()? as u64)
    }

    /// A number from 0 to 1.
    pub(super) fn share(&mut self, key: &str) -> Option<f64> {
        let fits = |value: &Value| value.as_f64().is_some_and(|number| (0.0..=1.0).contains(&number));
        self.take(key, "a number from 0 to 1", &fits)?.as_f64()
    }

    /// Milliseconds since 1970.
    pub(super) fn moment(&mut self, key: &str) -> Option<u64> {
        let allowed = "milliseconds since 1970, or a moment such as 2026-01-31T07:00:00Z";
        let value = self.take(key, allowed, &|value| moment_ms(value).is_some())?;
        moment_ms(&value)
    }

    pub(super) fn flag(&mut self, key: &str) -> Option<bool> {
        self.take(key, "true or false", &|value| value.as_bool().is_some())?.as_bool()
    }

    pub(super) fn thumbs(&mut self) -> Option<bool> {
        let word = self.text("thumbs")?;
        self.unless(word != "up" && word != "down", "thumbs", "\"up\" or \"down\"")?;
        Some(word == "up")
    }

    pub(super) fn task(&mut self) -> Option<Task> {
        let word = self.text("task")?;
        if word == "auto" {
            return None;
        }
        let known = Task::ALL.into_iter().find(|task| task.as_str() == word);
        if known.is_none() {
            self.refuse("task", &format!("one of auto, {}", Task::ALL.map(Task::as_str).join(", ")));
        }
        known
    }

    pub(super) fn mode(&mut self) -> Option<Mode> {
        match self.text("mode")?.as_str() {
            "fast" => Some(Mode::Fast),
            "balanced" => Some(Mode::Balanced),
            "best" => Some(Mode::Best),
            _ => {
                self.refuse("mode", "one of fast, balanced, best");
                None
            }
        }
    }

    pub(super) fn messages(&mut self) -> Option<Vec<Object>> {
        let allowed = "a list of {role, content}; role is system, user, assistant or tool, content a text";
        let is_message = |entry: &Value| entry.as_object().is_some_and(is_message);
        let list = self.list("messages", allowed, &is_message)?;
        Some(list.into_iter().filter_map(object).collect())
    }

    pub(super) fn schema(&mut self) -> Option<Value> {
        let accepts = |value: &Value| value.is_object() || value.as_str() == Some("json");
        self.take("schema", "a JSON schema object or \"json\"", &accepts)
    }

    pub(super) fn options(&mut self) -> Option<Object> {
        let allowed = "an object of numbers, true or false, texts, or lists of texts";
        let options = self.take("options", allowed, &Value::is_object).and_then(object)?;
        if options.contains_key("num_ctx") {
            self.refusal.get_or_insert_with(|| {
                invalid(
                    "options.num_ctx: the dispatcher sets it, one per model, so that none is loaded again",
                    "Leave it out; the context is chosen to fit the prompt.",
                )
            });
        }
        let plain = |value: &Value| match value {
            Value::Array(list) => list.iter().all(Value::is_string),
            Value::Null | Value::Object(_) => false,
            Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
        };
        self.unless(!options.values().all(plain), "options", allowed)?;
        Some(options)
    }

    pub(super) fn images(&mut self) -> Option<Vec<String>> {
        let allowed = "a list of images in base64";
        let images = self.texts("images", allowed)?;
        self.unless(images.iter().any(String::is_empty), "images", allowed)?;
        Some(images)
    }

    pub(super) fn tools(&mut self) -> Option<Vec<Value>> {
        self.list("tools", "a list of tools in Ollama's shape", &Value::is_object)
    }

    pub(super) fn think(&mut self) -> Option<Value> {
        let level = |value: &Value| {
            value.as_bool().is_some()
                || value.as_str().is_some_and(|word| ["low", "medium", "high", "max"].contains(&word))
        };
        self.take("think", "true, false, \"low\", \"medium\", \"high\" or \"max\"", &level)
    }

    pub(super) fn keep_alive(&mut self) -> Option<Value> {
        let duration = |value: &Value| value.is_number() || value.as_str().is_some_and(is_duration);
        self.take("keep_alive", "a number of seconds or a duration such as \"5m\"", &duration)
    }

    /// An object that `read` takes; refused as a whole, with what is `allowed`.
    pub(super) fn object<T>(
        &mut self,
        key: &str,
        allowed: &str,
        read: impl FnOnce(Self) -> Option<T>,
    ) -> Option<T> {
        let given = self.take(key, allowed, &Value::is_object)?;
        let object = Self::of(given).ok().and_then(read);
        self.unless(object.is_none(), key, allowed)?;
        object
    }

    fn texts(&mut self, key: &str, allowed: &str) -> Option<Vec<String>> {
        let list = self.list(key, allowed, &Value::is_string)?;
        let text = |value| if let Value::String(text) = value { Some(text) } else { None };
        Some(list.into_iter().filter_map(text).collect())
    }

    fn list(&mut self, key: &str, allowed: &str, accepts: &dyn Fn(&Value) -> bool) -> Option<Vec<Value>> {
        let all = |value: &Value| value.as_array().is_some_and(|list| list.iter().all(accepts));
        match self.take(key, allowed, &all) {
            Some(Value::Array(list)) => Some(list),
            _ => None,
        }
    }

    fn take(&mut self, key: &str, allowed: &str, accepts: &dyn Fn(&Value) -> bool) -> Option<Value> {
        let value = self.left.shift_remove(key).filter(|value| !value.is_null())?;
        self.unless(!accepts(&value), key, allowed)?;
        Some(value)
    }

    fn unless(&mut self, wrong: bool, key: &str, allowed: &str) -> Option<()> {
        if wrong {
            self.refuse(key, allowed);
        }
        (!wrong).then_some(())
    }

    fn refuse(&mut self, key: &str, allowed: &str) {
        let text = format!("{key}: must be {allowed}");
        self.refusal.get_or_insert_with(|| invalid(text, format!("Correct {key}, or leave it out.")));
    }
}

fn object(value: Value) -> Option<Object> {
    if let Value::Object(object) = value { Some(object) } else { None }
}

fn is_message(message: &Object) -> bool {
    let role = message.get("role").and_then(Value::as_str);
    let content_fits = match message.get("content") {
        Some(content) => content.is_string() || (content.is_null() && message.contains_key("tool_calls")),
        None => message.contains_key("tool_calls"),
    };
    let images_fit = message.get("images").is_none_or(|images| {
        images.is_null() || images.as_array().is_some_and(|list| list.iter().all(Value::is_string))
    });
    role.is_some_and(|role| ROLES.contains(&role)) && content_fits && images_fit
}

/// As Go reads durations: numbers with units, such as `1h30m`, `-1m`, `0`.
fn is_duration(text: &str) -> bool {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let known = |part: char| matches!(part, '0'..='9' | 'h' | 'm' | 's' | 'n' | 'u' | 'µ' | '.');
    let (first, last) = (body.bytes().next(), body.bytes().next_back());
    matches!(first, Some(b'0'..=b'9' | b'.'))
        && body.chars().all(known)
        && (body == "0" || matches!(last, Some(b'h' | b'm' | b's')))
}
