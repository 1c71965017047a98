//! Where the configuration comes from: `smart-ai.toml`, then `SMART_AI_*`, then flags.

use std::path::{Path, PathBuf};

use smart_ai_core::wire::{FleetConfig, FleetHost, PrometheusServer, ServerAccess};
use smart_ai_core::{ConfigError, HostConfig, Object, json};
use thiserror::Error;
use toml::de::{DeTable, DeValue};

use crate::store::HistoryConfig;
use crate::traces::TracesConfig;

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
    /// Where the history is kept, instead of the file's.
    pub history: Option<String>,
    /// The collector of traces, instead of the file's.
    pub traces: Option<String>,
}

/// Everything that is configured.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The fleet.
    pub fleet: FleetConfig,
    /// The history; `None` where nobody asked for one.
    pub history: Option<HistoryConfig>,
    /// Traces; `None` where nobody asked for them.
    pub traces: Option<TracesConfig>,
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
    /// A flag is not right.
    #[error("--{name}: {message}")]
    Flag {
        /// Which.
        name: &'static str,
        /// What is right.
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
pub fn load(sources: &Sources) -> Result<Settings, ConfigFileError> {
    let default = Path::new(DEFAULT_FILE);
    let file = sources.file.as_deref().or_else(|| default.exists().then_some(default));
    let Settings { fleet: mut config, mut history, mut traces } =
        file.map(read).transpose()?.unwrap_or_default();
    if let Some(url) = &sources.history {
        let kept = HistoryConfig { url: url.clone(), ..history.unwrap_or_default() };
        kept.place().map_err(|message| ConfigFileError::Flag { name: "history", message })?;
        history = Some(kept);
    }
    if let Some(url) = &sources.traces {
        let sent = TracesConfig { url: url.clone(), ..traces.unwrap_or_default() };
        sent.endpoint().map_err(|error| ConfigFileError::Flag { name: "traces", message: error.message })?;
        traces = Some(sent);
    }
    let traces = TracesConfig::with_environment(traces);
    let hosts_flagged = !sources.hosts.is_empty();
    if hosts_flagged {
        config.hosts = hosts(&sources.hosts);
    }
    if config.hosts.is_empty() {
        config.hosts = vec![host(DEFAULT_HOST)];
    }
    if let Some(url) = &sources.prometheus {
        config.prometheus = Some(PrometheusServer::at(url));
    }
    config.split().map_err(|refusal| {
        let flagged = (hosts_flagged && refusal.field.starts_with("hosts"))
            || (sources.prometheus.is_some() && refusal.field.starts_with("prometheus"));
        match file.filter(|_| !flagged) {
            Some(path) => ConfigFileError::Invalid { path: path.to_owned(), message: refusal.to_string() },
            None => ConfigFileError::Refused(refusal),
        }
    })?;
    Ok(Settings { fleet: config, history, traces })
}

/// The hosts of flags. The command line splits them at commas, and with them the settings that follow a host.
fn hosts(told: &[String]) -> Vec<FleetHost> {
    let mut hosts: Vec<FleetHost> = Vec::new();
    for text in told {
        if hosts.last_mut().and_then(|last| set(&mut last.config, text)).is_none() {
            hosts.push(host(text));
        }
    }
    hosts
}

/// `name=URL` names the host; a bare URL is its own name. Settings follow after commas:
/// `pc=http://gpu:11434,instance=pc,parallel=4`.
fn host(text: &str) -> FleetHost {
    let (mut rest, mut config) = (text, FleetHost::at("").config);
    while let Some((before, setting)) = rest.rsplit_once(',')
        && set(&mut config, setting).is_some()
    {
        rest = before;
    }
    let (id, url) = match rest.split_once('=') {
        Some((id, url)) if url.contains("://") && !id.contains("://") => (Some(id.into()), url),
        Some(_) | None => (None, rest),
    };
    let mut host = FleetHost::at(url);
    (host.server.id, host.config) = (id, config);
    host
}

/// Takes in one `key=value`; `None` where it is no such setting, but a part of the URL.
fn set(host: &mut HostConfig, setting: &str) -> Option<()> {
    let (key, value) = setting.split_once('=').filter(|(_, value)| !value.contains("://"))?;
    match key {
        "instance" => host.instance = Some(value.to_owned()),
        "parallel" => host.parallel = Some(value.parse().ok()?),
        "memory_gb" => host.memory_gb = Some(value.parse().ok()?),
        _ => return None,
    }
    Some(())
}

fn read(path: &Path) -> Result<Settings, ConfigFileError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigFileError::Unreadable { path: path.to_owned(), source })?;
    let mut settings =
        parse(&text).map_err(|message| ConfigFileError::Invalid { path: path.to_owned(), message })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let Settings { fleet, traces, .. } = &mut settings;
    let hosts = fleet.hosts.iter_mut().map(|host| &mut host.server.access);
    let metrics = fleet.prometheus.iter_mut().map(|server| &mut server.access);
    let traces = traces.iter_mut().map(|collector| &mut collector.access);
    for file in hosts.chain(metrics).chain(traces).flat_map(ServerAccess::files) {
        *file = beside(folder, file);
    }
    Ok(settings)
}

/// A file named in a configuration, which is looked for in the configuration's own folder.
fn beside(folder: &Path, file: &str) -> String {
    folder.join(file).to_string_lossy().into_owned()
}

/// A refusal names the line and the key. It quotes no line of the file, which may hold a password.
fn parse(text: &str) -> Result<Settings, String> {
    let line = |offset| text.get(..offset).map_or(0, |before: &str| before.matches('\n').count()) + 1;
    let mut table: Object = toml::from_str(text).map_err(|error| {
        format!("line {}: {}", line(error.span().map_or(0, |span| span.start)), error.message())
    })?;
    let refused = |path: &str, message: &str| {
        let place = if path.is_empty() { String::new() } else { format!("{path}: ") };
        format!("line {}, {place}{message}", line(offset(text, path)))
    };
    let misread = |refusal: json::Refusal| refused(refusal.path(), refusal.message());
    let history = table.shift_remove("history").map(|section| json::from_value_at(section, "history"));
    let history: Option<HistoryConfig> = history.transpose().map_err(misread)?;
    let traces = table.shift_remove("traces").map(TracesConfig::read).transpose().map_err(misread)?;
    let history_valid = history.as_ref().map_or(Ok(()), HistoryConfig::validate);
    let traces_valid = traces.as_ref().map_or(Ok(()), TracesConfig::validate);
    history_valid.and(traces_valid).map_err(|error| refused(&error.field, &error.message))?;
    // Flags may name the hosts.
    table.entry("hosts").or_insert_with(|| serde_json::json!([]));
    FleetConfig::from_value(table.into()).map(|fleet| Settings { fleet, history, traces }).map_err(misread)
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
        assert_eq!(config.fleet.hosts.len(), 2);
        assert!(config.fleet.prometheus.is_some());
        Ok(())
    }

    #[test]
    fn settings_may_follow_a_hosts_url() {
        let told = host("pc=http://gpu:11434/a,b,instance=pc,memory_gb=23.5");
        assert_eq!(told.server.id, Some("pc".into()));
        assert_eq!(told.server.url, "http://gpu:11434/a,b");
        assert_eq!((told.config.instance.as_deref(), told.config.memory_gb), (Some("pc"), Some(23.5)));
        assert_eq!(host("http://gpu,parallel=many"), FleetHost::at("http://gpu,parallel=many"));
    }

    #[test]
    fn settings_that_the_command_line_has_split_off_belong_to_the_host_before() {
        let split =
            ["pc=http://gpu:11434", "instance=pc", "memory_gb=23.5", "nas=http://nas:11434", "parallel=2"];
        let told = hosts(&split.map(str::to_owned));
        assert_eq!(told, [host(&split[..3].join(",")), host(&split[3..].join(","))]);
        assert_eq!(told.len(), 2);
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
        let text = refusal("[[hosts]]\nurl = \"http://a:1\"\n[history]\nkeep_dayz = 3\n");
        assert!(text.starts_with("line 4, history.keep_dayz: unknown field `keep_dayz`"), "{text}");
        let text = refusal("[[hosts]]\nurl = \"http://a:1\"\n[history]\nkeep_days = 0\n");
        assert_eq!(text, "line 4, history.keep_days: must be at least 1");
        let text = refusal("[traces]\nurl = \"a:4318\"\n");
        assert!(text.starts_with("line 2, traces.url: must be the collector's URL"), "{text}");
        let text = refusal("[[hosts]]\nurl =\n");
        assert!(text.contains("line 2"), "{text}");
    }

    #[test]
    fn a_refusal_quotes_no_secret() {
        for text in [
            "[[hosts]]\nurl = \"http://a:1\"\napi_key = hunter2\n",
            "[[hosts]]\nurl = \"http://a:1\"\nheaders = \"Bearer hunter2\"\n",
            "[prometheus]\nurl = \"http://a:1\"\nbearer = [\"hunter2\"]\n",
            "[prometheus]\nurl = \"http://ann:hunter2@a:1\"\n",
            "[[hosts]]\nurl = \"http://a:1\"\nparallel = \"hunter2\"\n",
            "[history]\nkeep_days = \"hunter2\"\n",
            "[traces]\nurl = \"http://a\"\nheaders = { x-key = [\"hunter2\"] }\n",
        ] {
            let split = |config: Settings| config.fleet.split().map_err(|error| error.to_string());
            let refusal =
                parse(text).and_then(split).map_or_else(|refusal| refusal, |_| "accepted".to_owned());
            assert!(!refusal.contains("hunter2") && refusal != "accepted", "{refusal}");
        }
    }

    #[test]
    fn flags_win_over_the_file_and_may_name_hosts() -> Result<(), ConfigFileError> {
        let hosts = vec!["pc=http://127.0.0.1:1".into(), "http://127.0.0.1:2".into()];
        let config = load(&Sources { hosts, ..Sources::default() })?;
        let ids: Vec<Option<&str>> = config
            .fleet
            .hosts
            .iter()
            .map(|host| host.server.id.as_ref().map(smart_ai_core::HostId::as_str))
            .collect();
        assert_eq!(ids, [Some("pc"), None]);
        Ok(())
    }
}
