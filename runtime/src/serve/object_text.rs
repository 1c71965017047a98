//! The text of a JSON object: read as leniently as Ollama reads it, passed on as it came but for the values that are set.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;
use smart_ai_core::wire::json_text;

/// The keys that are read. Others are passed on unread, so that no number of them costs memory.
const KEYS: [&str; 29] = [
    "model",
    "name",
    "source",
    "from",
    "files",
    "adapters",
    "messages",
    "prompt",
    "input",
    "system",
    "instructions",
    "suffix",
    "images",
    "tools",
    "format",
    "response_format",
    "text",
    "options",
    "keep_alive",
    "stream",
    "stream_options",
    "think",
    "thinking",
    "reasoning",
    "reasoning_effort",
    "usage",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
];

/// The keys that are read of `options`, `stream_options` and the like.
const INNER_KEYS: [&str; 3] = ["num_ctx", "num_predict", "include_usage"];
/// Bytes of a name as it is written: no model has a longer one.
const NAME_MAX: usize = 4 << 10;

/// The text of a JSON object. The values of known keys are kept by their places in it.
#[derive(Clone, Debug, Default)]
pub(super) struct ObjectText {
    text: Bytes,
    fields: Vec<(&'static str, Range<usize>)>,
    /// Where the object ends: its closing brace.
    end: usize,
    /// Whether it has no key at all, known or not.
    is_empty: bool,
}

impl ObjectText {
    /// Reads bytes that came; without any key where they hold no JSON object. What follows the object is left unread, as Ollama does.
    pub(super) fn read(bytes: Bytes) -> Self {
        Self::read_keys(bytes, &KEYS)
    }

    fn read_keys(bytes: Bytes, keys: &'static [&'static str]) -> Self {
        let text = match json_text(&bytes) {
            Cow::Borrowed(_) => None,
            Cow::Owned(text) => Some(Bytes::from(text)),
        };
        let text = text.unwrap_or(bytes);
        let read = std::str::from_utf8(&text).ok().and_then(|text| fields(text, keys));
        let Some((fields, is_empty, end)) = read else { return Self { text, ..Self::default() } };
        Self { text, fields, end, is_empty }
    }

    /// A value as it is written; absent where it is null.
    pub(super) fn raw(&self, key: &str) -> Option<&str> {
        let (_, place) = self.fields.iter().find(|(name, _)| *name == key)?;
        let value = std::str::from_utf8(self.text.get(place.clone())?).ok()?;
        (value != "null").then_some(value)
    }

    /// A value in a form of its own; absent where it is not of that form.
    pub(super) fn read_as<'a, T: Deserialize<'a>>(&'a self, key: &str) -> Option<T> {
        serde_json::from_str(self.raw(key)?).ok()
    }

    /// A value that is no longer than `most` bytes.
    pub(super) fn small(&self, key: &str, most: usize) -> Option<Value> {
        serde_json::from_str(self.raw(key).filter(|raw| raw.len() <= most)?).ok()
    }

    /// A name; absent where it is no text, or longer than any name can be.
    pub(super) fn name(&self, key: &str) -> Option<String> {
        serde_json::from_str(self.raw(key).filter(|raw| raw.len() <= NAME_MAX)?).ok()
    }

    /// The object that is a key's value; an empty one if the value is not an object.
    pub(super) fn object(&self, key: &str) -> Self {
        let place = self.fields.iter().find(|(name, _)| *name == key).map(|(_, place)| place.clone());
        Self::read_keys(place.map(|place| self.text.slice(place)).unwrap_or_default(), &INNER_KEYS)
    }

    /// The object as text with these keys set to these values, each in its place if it has one.
    pub(super) fn with(&self, values: &[(&'static str, String)]) -> Bytes {
        if values.is_empty() {
            return self.text.clone();
        }
        let mut changes: Vec<(Range<usize>, String)> = Vec::new();
        let mut is_empty = self.is_empty;
        for (key, value) in values {
            if let Some((_, place)) = self.fields.iter().find(|(name, _)| name == key) {
                changes.push((place.clone(), value.clone()));
                continue;
            }
            let comma = if is_empty { "" } else { "," };
            is_empty = false;
            changes.push((self.end..self.end, format!("{comma}\"{key}\":{value}")));
        }
        changes.sort_by_key(|(place, _)| place.start);
        let added: usize = changes.iter().map(|(_, value)| value.len()).sum();
        let mut text = BytesMut::with_capacity(self.text.len() + added);
        let mut at = 0;
        for (place, value) in changes {
            text.put_slice(self.text.get(at..place.start).unwrap_or_default());
            text.put_slice(value.as_bytes());
            at = place.end;
        }
        text.put_slice(self.text.get(at..).unwrap_or_default());
        text.freeze()
    }

    /// The object as text without this key.
    pub(super) fn without(&self, key: &str) -> Bytes {
        let Some((_, place)) = self.fields.iter().find(|(name, _)| *name == key) else {
            return self.text.clone();
        };
        let before = self.text.get(..place.start).unwrap_or_default();
        let after = self.text.get(place.end..).unwrap_or_default().trim_ascii_start();
        // The key stands before its value, and one comma goes with it.
        let start = before.iter().rposition(|sign| matches!(sign, b',' | b'{')).unwrap_or(0);
        let (before, comma) = before.split_at_checked(start).unwrap_or_default();
        let first = comma.first() == Some(&b'{');
        let after = if first { after.strip_prefix(b",").unwrap_or(after) } else { after };
        [before, if first { b"{" } else { b"" }, after].concat().into()
    }

    /// A value's text with a key of it set, and the rest of it as it came; `None` where it is no object.
    pub(super) fn within(&self, key: &str, inner: &'static str, value: &str) -> Option<String> {
        match self.raw(key) {
            None => Some(format!("{{\"{inner}\":{value}}}")),
            Some(raw) if raw.starts_with('{') => {
                let object = self.object(key).with(&[(inner, value.to_owned())]);
                String::from_utf8(object.into()).ok()
            }
            Some(_) => None,
        }
    }
}

type Fields = Vec<(&'static str, Range<usize>)>;

/// The places of known keys' values, whether there is no key at all, and where the object ends.
fn fields(text: &str, keys: &'static [&'static str]) -> Option<(Fields, bool, usize)> {
    struct Object<'a>(&'a str, &'static [&'static str]);
    impl<'de> DeserializeSeed<'de> for Object<'de> {
        type Value = (Fields, bool);
        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
            deserializer.deserialize_map(self)
        }
    }
    impl<'de> Visitor<'de> for Object<'de> {
        type Value = (Fields, bool);
        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a JSON object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let (mut fields, mut is_empty) = (Fields::new(), true);
            while let Some(key) = map.next_key_seed(Key(self.1))? {
                is_empty = false;
                let Some(key) = key else {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                };
                let raw: &RawValue = map.next_value()?;
                let start = raw.get().as_ptr().addr() - self.0.as_ptr().addr();
                let place = start..start + raw.get().len();
                // Written twice, the last counts, unless it is null.
                match fields.iter_mut().find(|(name, _)| *name == key) {
                    Some(_) if raw.get() == "null" => {}
                    Some((_, before)) => *before = place,
                    None => fields.push((key, place)),
                }
            }
            Ok((fields, is_empty))
        }
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let (fields, is_empty) = Object(text, keys).deserialize(&mut reader).ok()?;
    // Past the object: what follows it is asked for next.
    let rest = reader.into_iter::<IgnoredAny>();
    Some((fields, is_empty, rest.byte_offset().checked_sub(1)?))
}

/// One of these keys, in whatever case: Ollama's reader takes them so.
struct Key(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Option<&'static str>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let name = Cow::<'de, str>::deserialize(deserializer)?;
        Ok(self.0.iter().copied().find(|key| is_folded(&name, key)))
    }
}

/// Whether Go's JSON reader takes a name for a key: letter case does not count, and two letters outside ASCII fold into it.
pub(super) fn is_folded(name: &str, key: &str) -> bool {
    let folded = |letter: char| match letter {
        'ſ' => 's',
        '\u{212a}' => 'k',
        letter => letter.to_ascii_lowercase(),
    };
    name.chars().map(folded).eq(key.chars())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> ObjectText {
        ObjectText::read(Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn what_is_not_touched_stays_as_it_came() {
        let text = r#"{"model":"auto","format":{"z":1.0,"a":[ 2 ]},"stream":false} and more"#;
        let sent =
            body(text).with(&[("model", "\"m\"".to_owned()), ("options", r#"{"num_ctx":8}"#.to_owned())]);
        let expected =
            r#"{"model":"m","format":{"z":1.0,"a":[ 2 ]},"stream":false,"options":{"num_ctx":8}} and more"#;
        assert_eq!(sent, expected.as_bytes());
        assert_eq!(body(text).with(&[]), text.as_bytes());
        assert_eq!(body(" { } ").with(&[("model", "1".to_owned())]), r#" { "model":1} "#.as_bytes());
    }

    #[test]
    fn a_key_goes_with_its_comma() {
        let cases = [
            (r#"{"a":1,"usage":{"b":[1,2]},"c":3}"#, r#"{"a":1,"c":3}"#),
            (r#"{"usage" : null , "c":3}"#, r#"{ "c":3}"#),
            (r#"{"a":1, "usage":{}}"#, r#"{"a":1}"#),
            (r#"{"usage":{}}"#, "{}"),
            (r#"{"a":1}"#, r#"{"a":1}"#),
        ];
        for (given, expected) in cases {
            assert_eq!(body(given).without("usage"), expected.as_bytes(), "{given}");
        }
    }

    #[test]
    fn what_stands_beside_a_key_that_is_set_stays_as_it_came() {
        let within = |text: &str| body(text).within("options", "num_ctx", "8");
        let cases = [
            (
                r#"{"options":{"seed":12345678901234567890123,"a":{"b":[1e400]}}}"#,
                r#"{"seed":12345678901234567890123,"a":{"b":[1e400]},"num_ctx":8}"#,
            ),
            (r#"{"options":{"num_ctx":null, "z":1}}"#, r#"{"num_ctx":8, "z":1}"#),
            (r#"{"options":{}}"#, r#"{"num_ctx":8}"#),
            (r#"{"options":null}"#, r#"{"num_ctx":8}"#),
            ("{}", r#"{"num_ctx":8}"#),
        ];
        for (given, expected) in cases {
            assert_eq!(within(given).as_deref(), Some(expected), "{given}");
        }
        assert_eq!(within(r#"{"options":[1]}"#), None, "the host says what is wrong with it");
        assert_eq!(within(r#"{"options":"a"}"#), None);
    }

    #[test]
    fn keys_are_read_as_ollama_reads_them() {
        let text = r#"{"Model":"a","MEſſAGES":[],"model":"b","model":null,"\u0050rompt":"p","stream":null}"#;
        assert_eq!(body(text).name("model").as_deref(), Some("b"));
        assert_eq!(body(text).raw("messages"), Some("[]"));
        assert_eq!(body(text).name("prompt").as_deref(), Some("p"));
        assert_eq!(body(text).raw("stream"), None);
        assert_eq!(body(r#"{"model":"cut \ud83d"}"#).name("model").as_deref(), Some("cut \u{fffd}"));
        for other in ["[1]", "", "5", "{\"model\":\"a\"", "\u{feff}{\"model\":\"a\"}"] {
            assert_eq!(body(other).name("model"), None, "{other}");
            assert_eq!(body(other).with(&[]), other.as_bytes());
        }
    }
}
