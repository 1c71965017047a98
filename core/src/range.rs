//! Ranges of what an owner configures, and why a configuration is refused.

use serde::Serialize;
use thiserror::Error;

use crate::json;

/// Why a configuration was refused: what, where, and what would be right.
#[derive(Clone, PartialEq, Debug, Error, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[error("{field}: {message}")]
pub struct ConfigError {
    /// Stable: `config_invalid`.
    pub code: &'static str,
    /// The key at fault, as a path: `hosts[1].parallel`.
    pub field: String,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl ConfigError {
    /// A refusal of one key.
    pub fn new(field: impl AsRef<str>, message: impl AsRef<str>) -> Self {
        Self::of(field.as_ref(), message.as_ref())
    }

    fn of(field: &str, message: &str) -> Self {
        Self { code: "config_invalid", field: field.to_owned(), message: message.to_owned() }
    }
}

impl From<json::Refusal> for ConfigError {
    fn from(refusal: json::Refusal) -> Self {
        let field = if refusal.path().is_empty() { "config" } else { refusal.path() };
        Self::new(field, refusal.message())
    }
}

/// A number of `T` that must be within a range.
pub(crate) struct Range<T> {
    /// Its key within `T`, such as `floors.fast`.
    pub(crate) key: &'static str,
    /// The least it may be.
    pub(crate) low: f64,
    /// The most it may be.
    pub(crate) high: f64,
    value: fn(&T) -> Option<f64>,
}

impl<T> Range<T> {
    /// The range of a number that always has a value.
    pub(crate) const fn of(key: &'static str, low: f64, high: f64, value: fn(&T) -> Option<f64>) -> Self {
        Self { key, low, high, value }
    }

    /// Refuses a value outside of the range. A value left out is within. `place` is put before the key: `hosts[1].`.
    pub(crate) fn check(&self, place: &str, holder: &T) -> Result<(), ConfigError> {
        match (self.value)(holder) {
            Some(value) => within(&format!("{place}{}", self.key), value, self.low, self.high),
            None => Ok(()),
        }
    }
}

/// Refuses a value outside of `low` to `high`.
pub(crate) fn within(key: &str, value: f64, low: f64, high: f64) -> Result<(), ConfigError> {
    if value.is_finite() && value >= low && value <= high {
        return Ok(());
    }
    Err(ConfigError::new(key, format!("is {value}; it must be from {low} to {high}")))
}
