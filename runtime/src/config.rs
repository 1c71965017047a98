//! Where the configuration comes from: `smart-ai.toml`, then `SMART_AI_*`, then flags.

use std::path::{Path, PathBuf};

use smart_ai_core::wire::{FleetConfig, FleetHost, PrometheusServer};
use smart_ai_core::{ConfigError, Read};
use thiserror::Error;
use toml::de::{DeTable, DeValue};

/// Read where no file is named.
const DEFAULT_FILE: &str = "smart-ai.toml";
/// Where Ollama listens by default.
const DEFAULT_HOST: &str = "http://127.0.0.1:11434";

/// What flags and environment say; what they leave out comes from the file, then from defaults.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// A file to read; it must exist. Without one, `smart-ai.toml` in the current folder, if there is one.
    pub file: Option<PathBuf>,
    /// URLs of Ollama servers, instead of the file's.
    pub hosts: Vec<String>,
    /// URL of the metrics server, instead of the file's.
    pub prometheus: Option<String>,
}

/// Why there is no usable configuration.
#[derive(Debug, Error)]
pub enum ConfigFileError {
    /// The file cannot be read.
    #[error("{path}: {source}; name another with --config, or the hosts with --host", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// The file is not a configuration.
    #[error("{path}: {message}", path = path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Line, key and what is right.
        message: String,
    },
    /// A value is out of its range.
    #[error(transparent)]
    Refused(#[from] ConfigError),
}

/// The configuration of these sources.
///
/// # Errors
/// A file that is named but missing, or that is no configuration.
pub fn load(sources: &Sources) -> Result<FleetConfig, ConfigFileError> {
    let mut config = match &sources.file {
        Some(path) => read(path)?,
        None if Path::new(DEFAULT_FILE).exists() => read(Path::new(DEFAULT_FILE))?,
        None => FleetConfig::default(),
    };
    if !sources.hosts.is_empty() {
        config.hosts = sources.hosts.iter().map(|url| host(url)).collect();
    }
    if config.hosts.is_empty() {
        config.hosts = vec![host(DEFAULT_HOST)];
    }
    if let Some(url) = &sources.prometheus {
        config.prometheus = Some(PrometheusServer::at(url));
    }
    config.split()?;
    Ok(config)
}

/// `name=URL` names the host; a bare URL is its own name.
fn host(text: &str) -> FleetHost {
    match text.split_once('=') {
        Some((id, url)) if url.contains("://") && !id.contains("://") => {
            FleetHost { id: Some(id.into()), ..FleetHost::at(url) }
        }
        Some(_) | None => FleetHost::at(text),
    }
}

fn read(path: &Path) -> Result<FleetConfig, ConfigFileError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigFileError::Unreadable { path: path.to_owned(), source })?;
    parse(&text).map_err(|message| ConfigFileError::Invalid { path: path.to_owned(), message })
}

/// A refusal names the line and the key.
fn parse(text: &str) -> Result<FleetConfig, String> {
    let value = toml::from_str(text).map_err(|error| error.to_string())?;
    FleetConfig::read(value).map_err(|refusal| {
        let line = text.get(..offset(text, refusal.path())).map_or(0, |before| before.matches('\n').count());
        format!("line {}, {refusal}", line + 1)
    })
}

/// Where in a TOML text the key of this path is, or as much of the path as there is.
fn offset(text: &str, path: &str) -> usize {
    let Ok(table) = DeTable::parse(text) else { return 0 };
    let (mut start, mut value) = (0, DeValue::Table(table.into_inner()));
    for step in path.split(['.', '[']) {
        let next = match (value, step.trim_end_matches(']').parse::<usize>()) {
            (DeValue::Table(table), _) => {
                table.into_iter().find(|(key, _)| key.get_ref() == step).map(|(key, part)| (key.span(), part))
            }
            (DeValue::Array(list), Ok(index)) => list.into_iter().nth(index).map(|part| (part.span(), part)),
            _ => None,
        };
        let Some((span, part)) = next else { break };
        (start, value) = (span.start, part.into_inner());
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commented_example_is_a_configuration() -> Result<(), ConfigFileError> {
        let file = Some(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../smart-ai.example.toml")));
        let config = load(&Sources { file, ..Sources::default() })?;
        assert_eq!(config.hosts.len(), 2);
        assert!(config.prometheus.is_some());
        Ok(())
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let refusal = |text| parse(text).map_or_else(|message| message, |config| format!("{config:?}"));
        let text = refusal("[[hosts]]\nurl = \"http://a:1\"\nparalel = 2\n");
        assert!(
            text.starts_with("line 3, hosts[0].paralel: unknown field `paralel`, expected one of"),
            "{text}"
        );
        let text = refusal("[[hosts]]\nurl = \"http://a:1\"\n[[hosts]]\nid = \"b\"\n");
        assert_eq!(text, "line 3, hosts[1].url: missing field `url`");
        let text = refusal("[[hosts]]\nurl =\n");
        assert!(text.contains("line 2"), "{text}");
    }

    #[test]
    fn flags_win_over_the_file_and_may_name_hosts() -> Result<(), ConfigFileError> {
        let hosts = vec!["pc=http://127.0.0.1:1".into(), "http://127.0.0.1:2".into()];
        let config = load(&Sources { hosts, ..Sources::default() })?;
        let ids: Vec<Option<&str>> =
            config.hosts.iter().map(|host| host.id.as_ref().map(smart_ai_core::HostId::as_str)).collect();
        assert_eq!(ids, [Some("pc"), None]);
        Ok(())
    }
}
