//! The types of JSON itself.

use std::sync::Arc;

use crate::json::{Json, Object};
use litemap::LiteMap;

use super::{Read, Refusal};

impl Read for Json {
    fn blank() -> Self {
        Self::Null
    }

    fn fill(&mut self, value: Json) -> Result<(), Refusal> {
        *self = value;
        Ok(())
    }
}

impl Read for Object {
    fn blank() -> Self {
        Self::new()
    }

    fn fill(&mut self, value: Json) -> Result<(), Refusal> {
        let Json::Object(map) = value else { return Err(Refusal::unexpected(&value, "an object")) };
        *self = map;
        Ok(())
    }
}

impl Read for bool {
    fn blank() -> Self {
        false
    }

    fn fill(&mut self, value: Json) -> Result<(), Refusal> {
        *self = value.as_bool().ok_or_else(|| Refusal::unexpected(&value, "a boolean"))?;
        Ok(())
    }
}

impl Read for String {
    fn blank() -> Self {
        Self::new()
    }

    fn fill(&mut self, value: Json) -> Result<(), Refusal> {
        let Json::Text(text) = value else { return Err(Refusal::unexpected(&value, "a string")) };
        *self = text;
        Ok(())
    }
}

impl Read for Arc<str> {
    fn blank() -> Self {
        Self::default()
    }

    fn fill(&mut self, value: Json) -> Result<(), Refusal> {
        *self = String::read(value)?.into();
        Ok(())
    }
}

impl Read for f64 {
    fn blank() -> Self {
        0.0
    }

    fn fill(&mut self, value: Json) -> Result<(), Refusal> {
        *self = value.as_f64().ok_or_else(|| Refusal::unexpected(&value, "a number"))?;
        Ok(())
    }
}

impl Read for u64 {
    fn blank() -> Self {
        0
    }

    fn fill(&mut self, value: Json) -> Result<(), Refusal> {
        *self = whole(&value, Self::MAX)?;
        Ok(())
    }
}

impl Read for u32 {
    fn blank() -> Self {
        0
    }

    fn fill(&mut self, value: Json) -> Result<(), Refusal> {
        *self = whole(&value, u64::from(Self::MAX))? as Self;
        Ok(())
    }
}

impl Read for u16 {
    fn blank() -> Self {
        0
    }

    fn fill(&mut self, value: Json) -> Result<(), Refusal> {
        *self = whole(&value, u64::from(Self::MAX))? as Self;
        Ok(())
    }
}

fn whole(value: &Json, most: u64) -> Result<u64, Refusal> {
    match value.as_u64() {
        Some(number) if number <= most => Ok(number),
        _ if value.is_number() => {
            Err(Refusal::new(format!("invalid value: `{value}`, expected a whole number from 0 to {most}")))
        }
        _ => Err(Refusal::unexpected(value, "a whole number")),
    }
}

impl<T: Read> Read for Option<T> {
    fn blank() -> Self {
        None
    }

    fn fill(&mut self, value: Json) -> Result<(), Refusal> {
        if value.is_null() {
            *self = None;
            return Ok(());
        }
        self.insert(T::blank()).fill(value)
    }
}

impl<T: Read> Read for Vec<T> {
    fn blank() -> Self {
        Self::new()
    }

    fn fill(&mut self, value: Json) -> Result<(), Refusal> {
        self.clear();
        fill_list(value, self)
    }
}

/// A list to read into, whatever its items.
trait List {
    /// One more item at the end.
    fn next(&mut self) -> Option<&mut dyn Read>;
}

impl<T: Read> List for Vec<T> {
    fn next(&mut self) -> Option<&mut dyn Read> {
        self.push(T::blank());
        self.last_mut().map(|item| item as &mut dyn Read)
    }
}

#[inline(never)]
fn fill_list(value: Json, into: &mut dyn List) -> Result<(), Refusal> {
    let Json::List(list) = value else { return Err(Refusal::unexpected(&value, "a list")) };
    for (index, value) in list.into_iter().enumerate() {
        if let Some(item) = into.next() {
            item.fill(value).map_err(|refusal| entry(index, refusal))?;
        }
    }
    Ok(())
}

#[cold]
fn entry(index: usize, refusal: Refusal) -> Refusal {
    refusal.at(&format!("[{index}]"))
}

impl<K: Read + Ord, V: Read> Read for LiteMap<K, V> {
    fn blank() -> Self {
        Self::new()
    }

    fn fill(&mut self, value: Json) -> Result<(), Refusal> {
        self.clear();
        fill_table(value, self)
    }
}

/// A map to read into, whatever its keys and values.
trait Table {
    /// A place for the value of this key.
    fn place(&mut self, key: String) -> Result<&mut dyn Read, Refusal>;
}

impl<K: Read + Ord, V: Read> Table for LiteMap<K, V> {
    fn place(&mut self, key: String) -> Result<&mut dyn Read, Refusal> {
        let place = self.entry(K::read(Json::Text(key))?).or_insert_with(V::blank);
        *place = V::blank();
        Ok(place)
    }
}

#[inline(never)]
fn fill_table(value: Json, into: &mut dyn Table) -> Result<(), Refusal> {
    for (key, value) in Object::read(value)? {
        into.place(key.clone())?.fill(value).map_err(|refusal| refusal.at(&key))?;
    }
    Ok(())
}
