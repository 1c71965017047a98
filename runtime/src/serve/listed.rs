//! Entries of a host's lists: read whatever their fields hold, and handed on so that Ollama's own clients can read them.

use serde_json::{Value, json};
use smart_ai_core::{ModelTag, Object, ResidentModel};

use super::clock::{now_s, unix_s};

/// Characters a digest must have: Ollama's command line cuts it to this many.
const DIGEST_MIN: usize = 12;
/// A date that stands for none.
const NO_DATE: &str = "0001-01-01T00:00:00Z";

/// One model of `/api/tags`.
#[derive(Clone, Debug, Default)]
pub(super) struct Tag {
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) modified_at: String,
    pub(super) family: String,
    pub(super) parameter_size: String,
    pub(super) quantization_level: String,
    /// As it came, with what Ollama's clients cannot read put right.
    pub(super) entry: Value,
}

/// One model of `/api/ps`.
#[derive(Clone, Debug, Default)]
pub(super) struct Loaded {
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) size_vram: u64,
    pub(super) context_length: Option<u64>,
    pub(super) expires_at: String,
    /// As it came, with what Ollama's clients cannot read put right.
    pub(super) entry: Value,
}

impl Tag {
    /// An entry that core has read, with what else is told of it.
    pub(super) fn of((tag, mut map): (ModelTag, Object)) -> Self {
        let (details, modified_at) = (mend(&tag.name, tag.size_bytes, &mut map), text(&map, "modified_at"));
        date(&mut map, "modified_at");
        Self {
            size: tag.size_bytes,
            modified_at,
            family: tag.family.unwrap_or_default(),
            parameter_size: text(&details, "parameter_size"),
            quantization_level: text(&details, "quantization_level"),
            entry: Value::Object(map),
            name: tag.name,
        }
    }
}

impl Loaded {
    /// An entry that core has read, with what else is told of it.
    pub(super) fn of((model, mut map): (ResidentModel, Object)) -> Self {
        mend(&model.name, model.size_bytes, &mut map);
        let expires_at = text(&map, "expires_at");
        date(&mut map, "expires_at");
        number(&mut map, "size_vram", model.vram_bytes);
        Self {
            size: model.size_bytes,
            size_vram: model.vram_bytes,
            context_length: model.context_tokens.map(u64::from),
            expires_at,
            entry: Value::Object(map),
            name: model.name,
        }
    }
}

impl Loaded {
    /// Unix seconds; infinite where it stays for ever.
    pub(super) fn expires_s(&self) -> Option<f64> {
        let seconds = unix_s(&self.expires_at)?;
        // Ollama writes "for ever" as centuries.
        let centuries = now_s() + 100.0 * 366.0 * 86_400.0;
        Some(if seconds > centuries { f64::INFINITY } else { seconds })
    }
}

/// Puts right what every entry has; its details.
fn mend(name: &str, size: u64, map: &mut Object) -> Object {
    for key in ["name", "model"] {
        if text(map, key).is_empty() {
            map.insert(key.to_owned(), name.into());
        }
    }
    if text(map, "digest").len() < DIGEST_MIN {
        map.insert("digest".to_owned(), digest(name).into());
    }
    number(map, "size", size);
    let is_details = map.get("details").is_some_and(Value::is_object);
    if !is_details {
        map.insert("details".to_owned(), json!({}));
    }
    match map.get("details") {
        Some(Value::Object(details)) => details.clone(),
        _ => Object::new(),
    }
}

/// A digest for a model whose host tells none: of as many signs as Ollama's, and of the name only.
pub(super) fn digest(name: &str) -> String {
    // FNV-1a; each round goes on from the last.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let rounds = [0_u8; 4].map(|_| {
        for byte in name.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        format!("{hash:016x}")
    });
    rounds.concat()
}

fn text(map: &Object, key: &str) -> String {
    map.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Puts a whole number in place of anything else, with which Ollama's clients could not read the list.
fn number(map: &mut Object, key: &str, read: u64) {
    if map.get(key).is_some_and(|value| value.as_i64().is_none()) {
        map.insert(key.to_owned(), read.into());
    }
}

/// Puts a date in place of anything else, with which Ollama's clients could not read the list.
fn date(map: &mut Object, key: &str) {
    if unix_s(&text(map, key)).is_none() {
        map.insert(key.to_owned(), NO_DATE.into());
    }
}

#[cfg(test)]
mod tests {
    use smart_ai_core::wire::read_tag_entries;

    use super::*;

    fn tags(list: &Value) -> Vec<Tag> {
        let read = read_tag_entries(&json!({ "models": list }).to_string());
        read.unwrap_or_default().into_iter().map(Tag::of).collect()
    }

    #[test]
    fn an_odd_field_costs_neither_the_list_nor_the_entry() {
        let list = json!([
            {"name": "a", "size": "", "digest": "", "modified_at": "", "details": null},
            {"model": "b", "size": 1.5e9, "digest": 7, "details": {"family": null, "families": null}},
            {"name": "", "size": 1}, 5, null,
            {"name": "c:latest", "size": 9, "digest": "0123456789abcdef", "modified_at": "2026-01-01T00:00:00Z",
             "details": {"family": "llama"}, "more": [1.0]},
        ]);
        let tags = tags(&list);
        let sizes: Vec<(&str, u64)> = tags.iter().map(|tag| (tag.name.as_str(), tag.size)).collect();
        assert_eq!(sizes, [("a", 0), ("b", 1_500_000_000), ("c:latest", 9)]);
        for tag in &tags {
            let entry = &tag.entry;
            assert!(entry["digest"].as_str().is_some_and(|digest| digest.len() >= DIGEST_MIN), "{entry}");
            assert!(entry["size"].is_u64() && entry["details"].is_object(), "{entry}");
            assert!(entry["modified_at"].as_str().is_some_and(|date| unix_s(date).is_some()), "{entry}");
            assert_eq!(entry["name"], entry["model"].clone());
        }
        let more = tags.last().and_then(|tag| tag.entry.get("more"));
        assert_eq!(more, Some(&json!([1.0])));
        assert_ne!(digest("a"), digest("b"));
    }
}
