//! Reading core's types from JSON values. One way for every build and every format: what a type adds is a table of its names
//! and a call for each field (see `core/derive`); a refusal names its place.

mod fields;
mod leaf;
mod refusal;

use serde::{Deserialize as _, Deserializer};
use serde_json::Value;

pub(crate) use fields::{Fields, tagged, variant, word};
pub(crate) use smart_ai_core_derive::Deserialize;

pub use refusal::Refusal;

/// Made from a JSON value. Implemented by `derive(Deserialize)`, core's own.
pub trait Read: Sized {
    /// Reads the value.
    ///
    /// # Errors
    /// The first thing that is not as it must be, with its place.
    fn read(value: Value) -> Result<Self, Refusal>;

    /// What an absent field is, where it may be absent.
    fn absent() -> Option<Self> {
        None
    }
}

/// Serde's way in: whatever the format, by way of a JSON value.
pub(crate) fn deserialize<'de, T: Read, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::read(Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}
