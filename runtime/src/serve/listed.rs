//! Entries of a host's lists: read whatever their fields hold, and handed on so that Ollama's own clients can read them.

use serde_json::{Map, Value, json};

use super::clock::{now_s, unix_s};

/// Signs a digest must have: Ollama's command line cuts it to so many.
const DIGEST_MIN: usize = 12;
/// Bytes of a name: registry, namespace, model and tag have 350 and three times 80 at most.
const NAME_MAX: usize = 600;
/// Entries of one list.
const ENTRIES_MAX: usize = 10_000;
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

/// An entry of a list, read from its fields.
pub(super) trait Listed: Sized {
    fn read(name: String, map: Map<String, Value>) -> Self;
}

/// The entries that have a name.
pub(super) fn entries<T: Listed>(list: Vec<Value>) -> Vec<T> {
    let named = |entry| match entry {
        Value::Object(map) => {
            let name = [text(&map, "name"), text(&map, "model")].into_iter().find(|name| !name.is_empty())?;
            (name.len() <= NAME_MAX).then(|| T::read(name, map))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    };
    list.into_iter().filter_map(named).take(ENTRIES_MAX).collect()
}

impl Listed for Tag {
    fn read(name: String, mut map: Map<String, Value>) -> Self {
        let (details, modified_at) = (mend(&name, &mut map), text(&map, "modified_at"));
        date(&mut map, "modified_at");
        Self {
            size: whole(&map, "size"),
            modified_at,
            family: text(&details, "family"),
            parameter_size: text(&details, "parameter_size"),
            quantization_level: text(&details, "quantization_level"),
            entry: Value::Object(map),
            name,
        }
    }
}

impl Listed for Loaded {
    fn read(name: String, mut map: Map<String, Value>) -> Self {
        mend(&name, &mut map);
        let expires_at = text(&map, "expires_at");
        date(&mut map, "expires_at");
        number(&mut map, "size_vram");
        Self {
            size: whole(&map, "size"),
            size_vram: whole(&map, "size_vram"),
            context_length: map.get("context_length").and_then(whole_number),
            expires_at,
            entry: Value::Object(map),
            name,
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
fn mend(name: &str, map: &mut Map<String, Value>) -> Map<String, Value> {
    for key in ["name", "model"] {
        if text(map, key).is_empty() {
            map.insert(key.to_owned(), name.into());
        }
    }
    if text(map, "digest").len() < DIGEST_MIN {
        map.insert("digest".to_owned(), digest(name).into());
    }
    number(map, "size");
    let is_details = map.get("details").is_some_and(Value::is_object);
    if !is_details {
        map.insert("details".to_owned(), json!({}));
    }
    match map.get("details") {
        Some(Value::Object(details)) => details.clone(),
        _ => Map::new(),
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

fn text(map: &Map<String, Value>, key: &str) -> String {
    map.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn whole(map: &Map<String, Value>, key: &str) -> u64 {
    map.get(key).and_then(whole_number).unwrap_or(0)
}

/// A whole number of zero or more, also where it was written as a float.
fn whole_number(value: &Value) -> Option<u64> {
    let float = || value.as_f64().filter(|number| (0.0..9e15).contains(number)).map(|number| number as u64);
    value.as_u64().or_else(float)
}

/// Ollama's clients read a whole number there, and no list at all where it is none.
fn number(map: &mut Map<String, Value>, key: &str) {
    if map.get(key).is_some_and(|value| value.as_i64().is_none()) {
        let number = whole(map, key);
        map.insert(key.to_owned(), number.into());
    }
}

/// Ollama's clients read a date there, and no list at all where it is none.
fn date(map: &mut Map<String, Value>, key: &str) {
    if unix_s(&text(map, key)).is_none() {
        map.insert(key.to_owned(), NO_DATE.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(list: &Value) -> Vec<Tag> {
        entries(list.as_array().cloned().unwrap_or_default())
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
