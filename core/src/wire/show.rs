//! `/api/show`: what one model can do, how much it reads, what its context costs in memory.

use serde_json::Value;

use crate::json::Object;

use super::host::{capabilities, parameters};
use super::json;
use crate::event::ModelDetails;
use crate::failure::Failure;
use crate::request::Capability;

/// Bytes of one number in the key-value cache.
const CACHE_NUMBER_BYTES: f64 = 2.0;

/// Reads the body of `/api/show`.
///
/// # Errors
/// `bad_protocol` where it is not Ollama's.
pub fn read_show(body: &str) -> Result<ModelDetails, Failure> {
    let expected = "Ollama's details of a model";
    let map = json::object(body, expected)?;
    let part = |key| map.get(key).and_then(Value::as_object);
    let (details, info) = (part("details"), part("model_info"));
    if details.is_none() && info.is_none() && !map.contains_key("capabilities") {
        return Err(json::not(expected, body));
    }
    let empty = Object::new();
    let info = Info(info.unwrap_or(&empty));
    let details = details.unwrap_or(&empty);
    Ok(ModelDetails {
        capabilities: map.get("capabilities").and_then(capabilities).unwrap_or_else(|| guessed(&map, &info)),
        context_tokens: json::small(info.get("context_length"))
            .or_else(|| json::small(details.get("context_length")))
            .filter(|tokens| *tokens > 0),
        num_ctx: json::text(&map, "parameters").and_then(num_ctx),
        parameters: json::whole(info.0.get("general.parameter_count"))
            .map(|count| count as f64)
            .filter(|count| *count > 0.0)
            .or_else(|| json::text(details, "parameter_size").and_then(parameters)),
        kv_bytes_per_token: info.kv_bytes_per_token(),
    })
}

/// The context that the Modelfile asks for: one `name value` a line.
fn num_ctx(parameters: &str) -> Option<u32> {
    let of_line = |line: &str| line.trim().strip_prefix("num_ctx")?.trim().parse().ok();
    parameters.lines().find_map(of_line).filter(|tokens| *tokens > 0)
}

/// `model_info`, whose keys start with the architecture's name.
struct Info<'a>(&'a Object);

impl<'a> Info<'a> {
    fn architecture(&self) -> &'a str {
        json::text(self.0, "general.architecture").unwrap_or_default()
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        self.0.get(&format!("{}.{key}", self.architecture()))
    }

    fn number(&self, key: &str) -> Option<f64> {
        let number = json::whole(self.get(key))?;
        (number > 0).then_some(number as f64)
    }

    /// Key and value of every head of every layer, in 16 bits each:
    /// `2 · layers · kv_heads · (embedding_length / head_count) · 2 bytes`, or by the stated lengths of key and value.
    fn kv_bytes_per_token(&self) -> Option<f64> {
        let head = || Some(self.number("embedding_length")? / self.number("attention.head_count")?);
        let key = self.number("attention.key_length").or_else(head)?;
        let value = self.number("attention.value_length").or_else(head)?;
        Some(self.kv_heads_of_all_layers()? * (key + value) * CACHE_NUMBER_BYTES)
    }

    /// One number for all layers, or a list with one for each (a short answer leaves the list empty: unknown).
    fn kv_heads_of_all_layers(&self) -> Option<f64> {
        if let Some(Value::Array(layers)) = self.get("attention.head_count_kv") {
            let sum: u64 =
                layers.iter().filter_map(|heads| json::whole(Some(heads))).fold(0, u64::saturating_add);
            return (sum > 0).then_some(sum as f64);
        }
        let heads = self.number("attention.head_count_kv").or_else(|| self.number("attention.head_count"))?;
        Some(self.number("block_count")? * heads)
    }
}

/// Capabilities as far as versions before 0.9 show them, which do not list any.
fn guessed(map: &Object, info: &Info<'_>) -> Vec<Capability> {
    if info.architecture().contains("bert") {
        return vec![Capability::Embedding];
    }
    let mut found = vec![Capability::Completion];
    let template = json::text(map, "template").unwrap_or_default();
    if template.contains(".Tools") {
        found.push(Capability::Tools);
    }
    if template.contains(".Suffix") {
        found.push(Capability::Insert);
    }
    if map.get("projector_info").and_then(Value::as_object).is_some_and(|projector| !projector.is_empty()) {
        found.push(Capability::Vision);
    }
    found
}
