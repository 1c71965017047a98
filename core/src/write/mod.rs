//! Writing core's types as JSON, the way back from `core/src/read`: what a type adds is a call for each field (see `core/derive`).
//! Drivers in JavaScript take this text; Rust programs use serde, and a test holds both to the same.

mod leaf;
mod writer;

use litemap::LiteMap;
use serde::{Serialize, Serializer};

pub(crate) use smart_ai_core_derive::Write;
pub(crate) use writer::Writer;

/// Told as JSON. Implemented by `derive(Write)`, core's own.
pub trait Write {
    /// Writes the value at the end of a text.
    #[doc(hidden)]
    fn write(&self, to: &mut Writer);

    /// Whether a field that may be left out is.
    #[doc(hidden)]
    fn is_absent(&self) -> bool {
        false
    }

    /// The value as JSON.
    fn to_json(&self) -> String
    where
        Self: Sized,
    {
        json_of(self)
    }
}

/// One of a few words. Implemented by `derive(Write)` for an enum that is nothing more.
pub(crate) trait Word {
    /// The words, in the order of the variants.
    const WORDS: &'static [&'static str];

    /// The place of its word.
    fn place(&self) -> usize;

    /// Its word.
    fn word(&self) -> &'static str {
        Self::WORDS.get(self.place()).copied().unwrap_or_default()
    }
}

/// The JSON of any value: one function for all types.
pub fn json_of(value: &dyn Write) -> String {
    let mut writer = Writer::default();
    value.write(&mut writer);
    writer.done()
}

/// Serde's way to write a map: as an object of its keys.
pub(crate) fn map<K: Serialize, V: Serialize, S: Serializer>(
    map: &LiteMap<K, V>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(map.iter())
}
