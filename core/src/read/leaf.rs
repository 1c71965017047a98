//! The types of JSON itself.

use std::sync::Arc;

use litemap::LiteMap;
use serde_json::{Map, Value};

use super::{Read, Refusal};

impl Read for Value {
    fn read(value: Value) -> Result<Self, Refusal> {
        Ok(value)
    }
}

impl Read for Map<String, Value> {
    fn read(value: Value) -> Result<Self, Refusal> {
        let Value::Object(map) = value else { return Err(Refusal::unexpected(&value, "an object")) };
        Ok(map)
    }
}

impl Read for bool {
    fn read(value: Value) -> Result<Self, Refusal> {
        value.as_bool().ok_or_else(|| Refusal::unexpected(&value, "a boolean"))
    }
}

impl Read for String {
    fn read(value: Value) -> Result<Self, Refusal> {
        let Value::String(text) = value else { return Err(Refusal::unexpected(&value, "a string")) };
        Ok(text)
    }
}

impl Read for Arc<str> {
    fn read(value: Value) -> Result<Self, Refusal> {
        String::read(value).map(Arc::from)
    }
}

impl Read for f64 {
    fn read(value: Value) -> Result<Self, Refusal> {
        value.as_f64().ok_or_else(|| Refusal::unexpected(&value, "a number"))
    }
}

impl Read for u64 {
    fn read(value: Value) -> Result<Self, Refusal> {
        whole(&value, u64::MAX)
    }
}

impl Read for u32 {
    fn read(value: Value) -> Result<Self, Refusal> {
        whole(&value, u64::from(u32::MAX)).map(|number| number as u32)
    }
}

impl Read for u16 {
    fn read(value: Value) -> Result<Self, Refusal> {
        whole(&value, u64::from(u16::MAX)).map(|number| number as u16)
    }
}

fn whole(value: &Value, most: u64) -> Result<u64, Refusal> {
    match value.as_u64() {
        Some(number) if number <= most => Ok(number),
        _ if value.is_number() => {
            Err(Refusal::new(format!("invalid value: `{value}`, expected a whole number from 0 to {most}")))
        }
        _ => Err(Refusal::unexpected(value, "a whole number")),
    }
}

impl<T: Read> Read for Option<T> {
    fn read(value: Value) -> Result<Self, Refusal> {
        if value.is_null() {
            return Ok(None);
        }
        T::read(value).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(value: Value) -> Result<Self, Refusal> {
        let Value::Array(list) = value else { return Err(Refusal::unexpected(&value, "a list")) };
        let mut read = Self::with_capacity(list.len());
        for (index, value) in list.into_iter().enumerate() {
            read.push(T::read(value).map_err(|refusal| entry(index, refusal))?);
        }
        Ok(read)
    }
}

#[cold]
fn entry(index: usize, refusal: Refusal) -> Refusal {
    refusal.at(&format!("[{index}]"))
}

impl<K: Read + Ord, V: Read> Read for LiteMap<K, V> {
    fn read(value: Value) -> Result<Self, Refusal> {
        let mut read = Self::new();
        for (key, value) in Map::read(value)? {
            let value = V::read(value).map_err(|refusal| refusal.at(&key))?;
            read.insert(K::read(Value::String(key))?, value);
        }
        Ok(read)
    }
}
