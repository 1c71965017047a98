//! A client's JSON object: read where needed, passed on as it came everywhere else, its keys in their order.

use std::fmt;

use bytes::Bytes;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// The object's keys in their order, each with its text. A JSON schema means something else in another order.
#[derive(Clone, Debug, Default)]
pub(super) struct Body(Vec<(String, Box<RawValue>)>);

impl Body {
    /// # Errors
    /// Where it is no JSON object.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    pub(super) fn get(&self, key: &str) -> Option<Value> {
        let raw = self.0.iter().rev().find(|(name, _)| name == key)?;
        serde_json::from_str(raw.1.get()).ok().filter(|value: &Value| !value.is_null())
    }

    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.get(key)?.as_str().map(str::to_owned)
    }

    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        self.get(key)?.as_bool()
    }

    /// Sets a key, in its place if it has one.
    pub(super) fn set(&mut self, key: &str, value: &Value) {
        let Ok(raw) = RawValue::from_string(value.to_string()) else { return };
        match self.0.iter_mut().rev().find(|(name, _)| name == key) {
            Some((_, old)) => *old = raw,
            None => self.0.push((key.to_owned(), raw)),
        }
    }

    /// Sets a key of an object within, which is made if there is none.
    pub(super) fn set_within(&mut self, key: &str, inner: &str, value: Value) {
        let mut object = match self.get(key) {
            Some(Value::Object(object)) => object,
            Some(_) | None => Map::new(),
        };
        object.insert(inner.to_owned(), value);
        self.set(key, &object.into());
    }

    /// The object as text.
    pub(super) fn bytes(&self) -> Bytes {
        let mut text = String::from("{");
        for (position, (key, value)) in self.0.iter().enumerate() {
            if position > 0 {
                text.push(',');
            }
            text.push_str(&Value::from(key.as_str()).to_string());
            text.push(':');
            text.push_str(value.get());
        }
        text.push('}');
        text.into()
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Body;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Body, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Body(pairs))
            }
        }
        deserializer.deserialize_map(Keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_touched_stays_as_it_came() -> Result<(), serde_json::Error> {
        let text = r#"{"model":"auto","format":{"z":1.0,"a":[ 2 ]},"stream":false}"#;
        let mut body = Body::read(text.as_bytes())?;
        body.set("model", &"m".into());
        body.set("options", &serde_json::json!({ "num_ctx": 8 }));
        let expected = r#"{"model":"m","format":{"z":1.0,"a":[ 2 ]},"stream":false,"options":{"num_ctx":8}}"#;
        assert_eq!(body.bytes(), expected.as_bytes());
        assert!(Body::read(b"[1]").is_err());
        Ok(())
    }
}
