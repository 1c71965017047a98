//! Reading core's types from JSON values. One way for every build and every format: what a type adds is a table of its names
//! and a call for each field (see `core/derive`); a refusal names its place.

mod fields;
mod leaf;
mod refusal;

use crate::json::Json;
use serde::{Deserialize as _, Deserializer};

pub(crate) use fields::{Fields, tagged, variant, word};
pub(crate) use smart_ai_core_derive::Deserialize;

pub use refusal::Refusal;

/// Made from a JSON value. Implemented by `derive(Deserialize)`, core's own.
///
/// Values are read into their place, through `dyn Read`: so fields need no code of their own for each type.
pub trait Read {
    /// A place to read into: what may be left out is what it then is; what else it holds means nothing.
    fn blank() -> Self
    where
        Self: Sized;

    /// Reads the value into this place, which is blank or what the field is where it is left out.
    ///
    /// # Errors
    /// The first thing that is not as it must be, with its place.
    fn fill(&mut self, value: Json) -> Result<(), Refusal>;

    /// Reads the value.
    ///
    /// # Errors
    /// As [`Read::fill`].
    fn read(value: Json) -> Result<Self, Refusal>
    where
        Self: Sized,
    {
        let mut read = Self::blank();
        read.fill(value)?;
        Ok(read)
    }
}

/// Serde's way in: whatever the format, by way of a JSON value.
pub(crate) fn deserialize<'de, T: Read, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::read(Json::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}
