//! Enums that JSON writes with a `type` beside their fields. Serde's own way to read them buffers every value twice over
//! and reads each nested type by a second set of functions, which doubled the WASM; this reads through `Value` alone.

use serde_json::{Map, Value};

/// `{"type": "a", "x": 1}` as serde's default form `{"a": {"x": 1}}`, and `{"type": "a"}` as `"a"`.
pub(crate) fn untag(value: Value) -> Result<Value, &'static str> {
    let Value::Object(mut fields) = value else { return Err("expected an object with a `type`") };
    let Some(Value::String(name)) = fields.remove("type") else { return Err("missing field `type`") };
    if fields.is_empty() {
        return Ok(Value::String(name));
    }
    Ok(Value::Object(Map::from_iter([(name, Value::Object(fields))])))
}

/// The way back.
pub(crate) fn tag(value: Value) -> Value {
    let Value::Object(map) = value else {
        return Value::Object(Map::from_iter([("type".to_owned(), value)]));
    };
    let (name, fields) = map.into_iter().next().unwrap_or_default();
    let mut tagged = Map::from_iter([("type".to_owned(), Value::String(name))]);
    if let Value::Object(fields) = fields {
        tagged.extend(fields);
    }
    Value::Object(tagged)
}

/// Reads and writes an enum, whose derives are `remote = "Self"`, with a `type` beside its fields.
macro_rules! tagged {
    ($name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let value = $name::serialize(self, serde_json::value::Serializer)
                    .map_err(serde::ser::Error::custom)?;
                crate::tagged::tag(value).serialize(serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = serde_json::Value::deserialize(deserializer)?;
                let value = crate::tagged::untag(value).map_err(serde::de::Error::custom)?;
                $name::deserialize(value).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use tagged;
