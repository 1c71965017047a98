//! What a scenario may not hold: numbers out of range, names that are empty or used twice.

use std::collections::BTreeSet;

use thiserror::Error;

/// Why a scenario was refused: where, and what would be right.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{place}: {message}")]
pub struct ScenarioError {
    /// The key at fault, as a path.
    pub place: String,
    /// What is wrong and what is allowed.
    pub message: String,
}

/// Whether a part of a scenario is as it must be.
pub(super) type Checked = Result<(), ScenarioError>;

/// The refusal of what stands at `place`.
pub(super) fn refuse(place: impl Into<String>, message: impl Into<String>) -> ScenarioError {
    ScenarioError { place: place.into(), message: message.into() }
}

/// Refuses a number out of its range.
pub(super) fn within(place: impl Into<String>, value: f64, low: f64, high: f64) -> Checked {
    if value.is_finite() && (low..=high).contains(&value) {
        return Ok(());
    }
    Err(refuse(place, format!("is {value}; it must be from {low} to {high}")))
}

/// Refuses names that are empty or used twice.
pub(super) fn unique<'a>(place: &str, names: impl Iterator<Item = &'a str>) -> Checked {
    let mut seen = BTreeSet::new();
    for name in names {
        if name.trim().is_empty() {
            return Err(refuse(place, "a name must not be empty"));
        }
        if !seen.insert(name) {
            return Err(refuse(place, format!("\"{name}\" is used twice")));
        }
    }
    Ok(())
}
