//! Where the history is kept, for how long, and what of it.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use serde::Deserialize;
use smart_ai_core::ConfigError;

/// Names the default file where a place is asked for.
const DEFAULT: &str = "default";
/// Switches the history off.
const OFF: &str = "off";

/// The section `[history]`. A key left out has its default.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub struct HistoryConfig {
    /// `default` (a file in the user's data folder), a file, `postgres://…`, or `off`.
    pub url: String,
    /// Whether prompts and answers are kept, too.
    pub prompts: bool,
    /// Days after which jobs and actions are deleted.
    pub keep_days: u32,
    /// Jobs kept at most, and as many actions; beyond that the oldest are deleted.
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
    /// Refuses a value out of its range, and names its key.
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let counts =
            [("keep_days", self.keep_days), ("keep_rows", self.keep_rows), ("queue_rows", self.queue_rows)];
        if let Some((key, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Err(ConfigError::new(format!("history.{key}"), "must be at least 1"));
        }
        self.place().map(drop).map_err(|message| ConfigError::new("history.url", message))
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

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// The file is made if it does not exist.
    Make,
    /// Only if the file exists.
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

    fn refusal(config: &HistoryConfig) -> Option<String> {
        config.validate().err().map(|error| error.to_string())
    }

    #[test]
    fn a_value_that_is_not_right_is_named_and_not_quoted() {
        let none = HistoryConfig { keep_rows: 0, ..HistoryConfig::default() };
        assert_eq!(refusal(&none).as_deref(), Some("history.keep_rows: must be at least 1"));
        let other = HistoryConfig { url: "mysql://ann:hunter2@b".to_owned(), ..HistoryConfig::default() };
        assert_eq!(refusal(&other).as_deref(), Some("history.url: must be a file or postgres://…"));
        assert_eq!(refusal(&HistoryConfig { url: "off".to_owned(), ..HistoryConfig::default() }), None);
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
