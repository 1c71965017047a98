//! Something that was done about a model or a host by itself: a row of the history, a line of `smart-ai history --actions --json`.

use serde::{Deserialize, Serialize};
use smart_ai_core::LifecycleAction;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::moment::integer;
use super::value::Value;

/// The order of the columns, as they are written and read.
pub(super) const COLUMNS: [&str; 9] =
    ["name", "at_ms", "action", "host", "model", "outcome", "reason", "gb", "ms"];

/// One action that ended, or that was decided on in a dry run.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Action {
    /// When it began, in milliseconds since 1970.
    pub(crate) at_ms: u64,
    /// What was done: `unload`, `prewarm`, `prepare`, `start`, `stop`.
    #[serde(rename = "action")]
    pub(crate) what: String,
    /// Its name in the history.
    #[serde(default)]
    pub(crate) name: String,
    /// Where.
    pub(crate) host: String,
    /// Which model; absent where it was done to the host itself.
    #[serde(default)]
    pub(crate) model: Option<String>,
    /// `ok`, `dry_run`, or the failure's word.
    pub(crate) outcome: String,
    /// Why, in words.
    #[serde(default)]
    pub(crate) reason: String,
    /// Gigabytes (10^9 bytes) of memory that it frees or takes.
    #[serde(default)]
    pub(crate) gb: f64,
    /// Milliseconds it took.
    #[serde(default)]
    pub(crate) ms: f64,
}

impl Action {
    pub(super) fn of(action: &LifecycleAction, name: String, at_ms: u64) -> Self {
        Self {
            at_ms,
            what: action.action.as_str().to_owned(),
            name,
            host: action.host.as_str().to_owned(),
            model: action.model.as_ref().map(|model| model.as_str().to_owned()),
            outcome: action.outcome.clone(),
            reason: action.reason.clone(),
            gb: action.gb,
            ms: action.ms,
        }
    }

    pub(super) fn values(&self) -> [Value; COLUMNS.len()] {
        [
            Value::text(&self.name),
            Value::Whole(integer(self.at_ms)),
            Value::text(&self.what),
            Value::text(&self.host),
            Value::maybe(self.model.as_deref()),
            Value::text(&self.outcome),
            Value::text(&self.reason),
            Value::Real(self.gb),
            Value::Real(self.ms),
        ]
    }

    pub(super) fn read(found: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            name: found.try_get(0)?,
            at_ms: u64::try_from(found.try_get::<i64, _>(1)?).unwrap_or(0),
            what: found.try_get(2)?,
            host: found.try_get(3)?,
            model: found.try_get(4)?,
            outcome: found.try_get(5)?,
            reason: found.try_get(6)?,
            gb: found.try_get(7)?,
            ms: found.try_get(8)?,
        })
    }
}
