//! Where the history is kept, for how long, and what of it.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Names the default file where a place is asked for.
const DEFAULT: &str = "default";
/// Switches the history off.
const OFF: &str = "off";

/// The section `[history]`. A key left out has its default.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HistoryConfig {
    /// `default` (a file in the user's data folder), a file, `postgres://…`, or `off`.
    pub url: String,
    /// Whether prompts and answers are kept, too.
    pub prompts: bool,
    /// Older jobs are deleted.
    pub keep_days: u32,
    /// Beyond this many jobs the oldest are deleted.
    pub keep_rows: u32,
    /// Rows that may wait to be written; more are dropped and counted.
    pub queue_rows: u32,
}

impl Default for HistoryConfig {
    fn default() -> Self {
        Self {
            url: DEFAULT.to_owned(),
            prompts: false,
            keep_days: 90,
            keep_rows: 1_000_000,
            queue_rows: 10_000,
        }
    }
}

impl HistoryConfig {
    /// The section of a configuration file; a refusal names the key, and quotes no value.
    pub(crate) fn read(section: Value) -> Result<Self, Refused> {
        let refused = |key: &str, message: String| Refused { key: key.to_owned(), message };
        let Value::Object(keys) = section else {
            return Err(refused("", "must be a section: [history]".to_owned()));
        };
        // One by one, so that a refusal belongs to its key.
        for (key, value) in &keys {
            let alone: Map<String, Value> = std::iter::once((key.clone(), value.clone())).collect();
            if let Err(error) = serde_json::from_value::<Self>(Value::Object(alone)) {
                let expected = match key.as_str() {
                    "url" => "must be text".to_owned(),
                    "prompts" => "must be true or false".to_owned(),
                    "keep_days" | "keep_rows" | "queue_rows" => "must be a whole number".to_owned(),
                    _ => error.to_string(),
                };
                return Err(refused(key, expected));
            }
        }
        let config: Self =
            serde_json::from_value(Value::Object(keys)).map_err(|error| refused("", error.to_string()))?;
        for (key, value) in [
            ("keep_days", config.keep_days),
            ("keep_rows", config.keep_rows),
            ("queue_rows", config.queue_rows),
        ] {
            if value == 0 {
                return Err(refused(key, "must be at least 1".to_owned()));
            }
        }
        config.place().map_err(|message| refused("url", message))?;
        Ok(config)
    }

    /// Where it is; `None` where it is off.
    pub(crate) fn place(&self) -> Result<Option<Place>, String> {
        match self.url.as_str() {
            OFF => Ok(None),
            "" => Err("must be a file, postgres://…, default or off".to_owned()),
            DEFAULT => default_file().map(|file| Some(Place::File(file))),
            url if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                Ok(Some(Place::Server(url.to_owned())))
            }
            url if url.contains("://") => Err("must be a file or postgres://…".to_owned()),
            file => std::path::absolute(file)
                .map(|file| Some(Place::File(file)))
                .map_err(|error| error.to_string()),
        }
    }
}

/// A key that is not right.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) key: String,
    pub(crate) message: String,
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// Made where there is none.
    Make,
    /// As it is.
    Found,
    /// To read only, and nobody writes it meanwhile.
    Unchanging,
}

/// Where a history is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A file of `SQLite`.
    File(PathBuf),
    /// A `PostgreSQL` server, by URL.
    Server(String),
}

impl Place {
    /// For people: without a password.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Server(url) => {
                let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
                let rest = rest.split_once('?').map_or(rest, |(rest, _)| rest);
                let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
                format!("{scheme}://{rest}")
            }
        }
    }

    /// The URL to open it by.
    pub(super) fn url(&self, opening: Opening) -> String {
        match self {
            Self::File(path) => {
                let how = match opening {
                    Opening::Make => "mode=rwc",
                    Opening::Found => "mode=rw",
                    Opening::Unchanging => "mode=ro&immutable=true",
                };
                format!("sqlite://{}?{how}", escaped(path))
            }
            Self::Server(url) => url.clone(),
        }
    }
}

fn default_file() -> Result<PathBuf, String> {
    let folders = etcetera::choose_base_strategy()
        .map_err(|_| "the user has no home folder: name a file".to_owned())?;
    Ok(folders.data_dir().join("smart-ai").join("history.db"))
}

/// A path within a URL.
fn escaped(path: &Path) -> String {
    path.to_string_lossy().replace('%', "%25").replace('?', "%3F").replace('#', "%23").replace(' ', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(section: Value) -> String {
        HistoryConfig::read(section).map_or_else(
            |refused| format!("{}: {}", refused.key, refused.message),
            |config| format!("{config:?}"),
        )
    }

    #[test]
    fn a_key_that_is_not_right_is_named_and_no_value_is_quoted() {
        let unknown = refusal(serde_json::json!({ "url": "a.db", "keep_dayz": 3 }));
        assert!(unknown.starts_with("keep_dayz: unknown field `keep_dayz`, expected one of"), "{unknown}");
        assert_eq!(
            refusal(serde_json::json!({ "keep_days": "hunter2" })),
            "keep_days: must be a whole number"
        );
        assert_eq!(refusal(serde_json::json!({ "keep_rows": 0 })), "keep_rows: must be at least 1");
        assert_eq!(
            refusal(serde_json::json!({ "url": "mysql://ann:hunter2@b" })),
            "url: must be a file or postgres://…"
        );
    }

    #[test]
    fn a_place_is_shown_without_its_password() {
        let place = Place::Server("postgres://ann:hunter2@db:5432/smart?password=hunter2".to_owned());
        assert_eq!(place.shown(), "postgres://db:5432/smart");
    }

    #[test]
    fn prompts_are_kept_only_where_asked() {
        assert!(!HistoryConfig::default().prompts);
    }
}
