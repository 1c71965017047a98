//! What an owner writes: the fleet with its URLs and keys. Split once into core's [`Config`], which
//! knows neither, and the endpoints a driver keeps.

use base64ct::{Base64, Encoding as _};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::server_url::ServerUrl;
use crate::config::{Config, ConfigError, HostConfig, Limits, QualityConfig, from_json};
use crate::names::{HostId, ModelName};
use crate::tuning::{LookAhead, Tuning};

/// The configuration every driver takes. A key left out has core's default.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts", optional_fields))]
#[serde(deny_unknown_fields)]
pub struct FleetConfig {
    /// The Ollama servers; at least one.
    pub hosts: Vec<FleetHost>,
    /// The metrics server, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<PrometheusServer>,
    /// Models to use, most modest first; an empty list means every model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<ModelName>>,
    /// The owner's limits on a host's use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// Seconds between two scrapes of the metrics server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scrape_interval_s: Option<f64>,
    /// Milliseconds between two looks at a host or at the metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_ms: Option<u32>,
    /// Calls one job may make before it gives up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    /// Milliseconds a host may take to accept a connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_timeout_ms: Option<u32>,
    /// Milliseconds a job waits for a model to load, at most, before it asks another arm; the load goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_timeout_ms: Option<u32>,
    /// Milliseconds a loaded model may take for the first piece of an answer, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_token_timeout_ms: Option<u32>,
    /// Milliseconds between two tokens after which an answer counts as stuck, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stall_timeout_ms: Option<u32>,
    /// Milliseconds a client of a streamed answer may read nothing before its answer ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_timeout_ms: Option<u32>,
    /// See [`Config::canary`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<bool>,
    /// Jobs that may wait for an arm; one more is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_queue: Option<u32>,
    /// Whether contested choices are played through before they are made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look_ahead: Option<LookAhead>,
    /// How good models are, and how good they must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<QualityConfig>,
    /// Weights of the decision, for experiments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tuning: Option<Tuning>,
}

/// One Ollama server.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts", optional_fields))]
#[serde(deny_unknown_fields)]
pub struct FleetHost {
    /// Its name; the URL's `host:port` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<HostId>,
    /// Where it listens: `http://127.0.0.1:11434`.
    pub url: String,
    /// Sent as `Authorization: Bearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<String>,
    /// Sent as `Authorization: Basic`, with `password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Sent as `Authorization: Basic`, with `username`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Sent with every request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(
        feature = "typescript",
        ts(as = "Option<std::collections::BTreeMap<String, String>>", optional)
    )]
    pub headers: BTreeMap<String, String>,
    /// A PEM file with the authority that signed the server's certificate, or with that certificate itself. No other authority
    /// is trusted for this server then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// PEM text in place of `ca_file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// Requests one loaded model answers at a time (`OLLAMA_NUM_PARALLEL`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallel: Option<u32>,
    /// Models it keeps in memory at most (`OLLAMA_MAX_LOADED_MODELS`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_loaded: Option<u32>,
    /// Seconds an idle model stays there (`OLLAMA_KEEP_ALIVE`); see [`HostConfig::keep_alive_s`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_alive_s: Option<u32>,
    /// Memory for models in gigabytes (10^9 bytes); see [`HostConfig::memory_gb`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_gb: Option<f64>,
    /// The `instance` label of its exporters; the URL's hostname if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
}

/// The metrics server.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts", optional_fields))]
#[serde(deny_unknown_fields)]
pub struct PrometheusServer {
    /// Where it listens: `http://127.0.0.1:9090`.
    pub url: String,
    /// Sent as `Authorization: Bearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer: Option<String>,
    /// Sent as `Authorization: Basic`, with `password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Sent as `Authorization: Basic`, with `username`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Sent with every request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(
        feature = "typescript",
        ts(as = "Option<std::collections::BTreeMap<String, String>>", optional)
    )]
    pub headers: BTreeMap<String, String>,
    /// A PEM file with the authority that signed the server's certificate, or with that certificate itself. No other authority
    /// is trusted for this server then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// PEM text in place of `ca_file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
}

/// A fleet split between core and its driver.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct Fleet {
    /// What core is told.
    pub config: Config,
    /// Where each host is, in the order of the configuration.
    pub hosts: Vec<Endpoint>,
    /// Where the metrics are.
    pub prometheus: Option<Endpoint>,
}

/// A server with what every request to it carries. Never logged: headers hold keys.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
pub struct Endpoint {
    /// The host's name; `prometheus` for the metrics server.
    pub id: HostId,
    /// Without a slash at its end: append a path.
    pub url: String,
    /// Lower-case names.
    #[cfg_attr(feature = "typescript", ts(as = "std::collections::BTreeMap<String, String>"))]
    pub headers: BTreeMap<String, String>,
    /// A PEM file with what its certificate is checked against, in place of the system's authorities.
    pub ca_file: Option<String>,
    /// PEM text in place of `ca_file`.
    pub ca: Option<String>,
}

impl FleetConfig {
    /// Reads a configuration from JSON.
    ///
    /// # Errors
    /// JSON that is not a configuration, or an unknown key, with its path.
    pub fn from_json(json: &str) -> Result<Self, ConfigError> {
        from_json(json)
    }

    /// Separates what core may know from what only a driver may.
    ///
    /// # Errors
    /// A URL that is none, two ways to authorize at once, or a value [`Config::validate`] refuses.
    pub fn split(&self) -> Result<Fleet, ConfigError> {
        let mut hosts = Vec::new();
        let mut endpoints = Vec::new();
        for (index, host) in self.hosts.iter().enumerate() {
            let url = ServerUrl::parse(&format!("hosts[{index}].url"), &host.url)?;
            let id = host.id.clone().unwrap_or_else(|| url.authority.as_str().into());
            hosts.push(host.config(id.clone(), &url));
            endpoints.push(host.access().endpoint(&format!("hosts[{index}]"), id, url)?);
        }
        let prometheus = self.prometheus.as_ref().map(PrometheusServer::endpoint).transpose()?;
        let config = self.config(hosts);
        config.validate()?;
        Ok(Fleet { config, hosts: endpoints, prometheus })
    }

    fn config(&self, hosts: Vec<HostConfig>) -> Config {
        let mut config = Config::new(hosts);
        config.metrics = self.prometheus.is_some();
        set(&mut config.models, &self.models);
        set(&mut config.limits, &self.limits);
        set(&mut config.scrape_interval_s, &self.scrape_interval_s);
        set(&mut config.refresh_ms, &self.refresh_ms);
        set(&mut config.max_attempts, &self.max_attempts);
        set(&mut config.connect_timeout_ms, &self.connect_timeout_ms);
        config.load_timeout_ms = self.load_timeout_ms;
        config.first_token_timeout_ms = self.first_token_timeout_ms;
        config.stall_timeout_ms = self.stall_timeout_ms;
        config.client_timeout_ms = self.client_timeout_ms;
        set(&mut config.canary, &self.canary);
        set(&mut config.max_queue, &self.max_queue);
        set(&mut config.look_ahead, &self.look_ahead);
        set(&mut config.quality, &self.quality);
        set(&mut config.tuning, &self.tuning);
        config
    }
}

/// Puts a value in place of the default, where one is given.
#[expect(clippy::ref_option, reason = "one call for each key, as small as can be")]
fn set<T: Clone>(place: &mut T, given: &Option<T>) {
    if let Some(given) = given {
        *place = given.clone();
    }
}

impl FleetHost {
    /// The server at this URL, with Ollama's defaults.
    pub fn at(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }

    fn access(&self) -> Access<'_> {
        Access {
            token: ("api_key", self.api_key.as_deref()),
            username: self.username.as_deref(),
            password: self.password.as_deref(),
            headers: &self.headers,
            ca_file: self.ca_file.as_ref(),
            ca: self.ca.as_ref(),
        }
    }

    fn config(&self, id: HostId, url: &ServerUrl) -> HostConfig {
        let mut config = HostConfig::new(id);
        set(&mut config.parallel, &self.parallel);
        set(&mut config.max_loaded, &self.max_loaded);
        config.keep_alive_s = self.keep_alive_s;
        config.memory_gb = self.memory_gb;
        config.instance = self.instance.clone().or_else(|| Some(url.hostname.clone()));
        config
    }
}

impl PrometheusServer {
    /// The server at this URL, without credentials.
    pub fn at(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }

    fn endpoint(&self) -> Result<Endpoint, ConfigError> {
        let url = ServerUrl::parse("prometheus.url", &self.url)?;
        let access = Access {
            token: ("bearer", self.bearer.as_deref()),
            username: self.username.as_deref(),
            password: self.password.as_deref(),
            headers: &self.headers,
            ca_file: self.ca_file.as_ref(),
            ca: self.ca.as_ref(),
        };
        access.endpoint("prometheus", "prometheus".into(), url)
    }
}

/// How a server lets one in, and how it is known to be the right one.
struct Access<'a> {
    /// The key of the bearer token, and the token.
    token: (&'static str, Option<&'a str>),
    username: Option<&'a str>,
    password: Option<&'a str>,
    headers: &'a BTreeMap<String, String>,
    ca_file: Option<&'a String>,
    ca: Option<&'a String>,
}

impl Access<'_> {
    /// `place`: the key of the server's block, for refusals.
    fn endpoint(&self, place: &str, id: HostId, url: ServerUrl) -> Result<Endpoint, ConfigError> {
        if self.ca.is_some() && self.ca_file.is_some() {
            return Err(ConfigError::new(format!("{place}.ca"), "give either ca or ca_file"));
        }
        let headers = authorized(place, self.headers, self.authorization(place)?)?;
        Ok(Endpoint { id, url: url.base, headers, ca_file: self.ca_file.cloned(), ca: self.ca.cloned() })
    }

    fn authorization(&self, place: &str) -> Result<Option<String>, ConfigError> {
        let (key, token) = self.token;
        let refuse = |key: &str, why: &str| Err(ConfigError::new(format!("{place}.{key}"), why));
        match (token, self.username, self.password) {
            (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
                refuse(key, &format!("give either {key} or username and password"))
            }
            (None, None, Some(_)) => refuse("username", "is missing beside password"),
            (Some(token), None, None) => Ok(Some(bearer(token))),
            (None, Some(name), password) => Ok(Some(basic(name, password.unwrap_or_default()))),
            (None, None, None) => Ok(None),
        }
    }
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", Base64::encode_string(format!("{name}:{password}").as_bytes()))
}

fn authorized(
    place: &str,
    headers: &BTreeMap<String, String>,
    authorization: Option<String>,
) -> Result<BTreeMap<String, String>, ConfigError> {
    let mut lower = BTreeMap::new();
    for (name, value) in headers {
        add(&mut lower, place, &name.to_ascii_lowercase(), value.clone())?;
    }
    if let Some(value) = authorization {
        add(&mut lower, place, "authorization", value)?;
    }
    Ok(lower)
}

fn add(
    headers: &mut BTreeMap<String, String>,
    place: &str,
    name: &str,
    value: String,
) -> Result<(), ConfigError> {
    let wrong = |fault| Err(ConfigError::new(format!("{place}.headers.{name}"), fault));
    if !is_header_name(name) {
        return wrong("is no name of an HTTP header");
    }
    if value.chars().any(char::is_control) {
        return wrong("must be one line of text");
    }
    if headers.insert(name.to_owned(), value).is_some() {
        return wrong("is set twice; keep one");
    }
    Ok(())
}

fn is_header_name(name: &str) -> bool {
    let allowed =
        |letter: char| letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".chars().any(|sign| sign == letter);
    !name.is_empty() && name.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    fn split(json: &str) -> Result<Fleet, ConfigError> {
        FleetConfig::from_json(json)?.split()
    }

    fn field(json: &str) -> String {
        split(json).unwrap_err().field
    }

    #[test]
    fn core_is_told_no_url_and_no_key() {
        let fleet = split(
            r#"{"hosts":[{"url":"http://gpu:11434/","api_key":"secret","parallel":2}],
                "prometheus":{"url":"https://metrics/prom/","username":"ann","password":"pw"}}"#,
        )
        .unwrap();
        let config = serde_json::to_string(&fleet.config).unwrap();
        assert!(!config.contains("http") && !config.contains("secret") && !config.contains("pw"), "{config}");
        let host = fleet.config.hosts.first().unwrap();
        assert_eq!(
            (host.id.as_str(), host.instance.as_deref(), host.parallel),
            ("gpu:11434", Some("gpu"), 2)
        );
        let endpoint = fleet.hosts.first().unwrap();
        assert_eq!(endpoint.url, "http://gpu:11434");
        assert_eq!(endpoint.headers.get("authorization").unwrap(), "Bearer secret");
        let metrics = fleet.prometheus.unwrap();
        assert_eq!(metrics.url, "https://metrics/prom");
        assert_eq!(metrics.headers.get("authorization").unwrap(), "Basic YW5uOnB3");
        assert!(fleet.config.metrics);
    }

    #[test]
    fn a_refusal_names_the_key() {
        assert_eq!(
            field(r#"{"hosts":[{"url":"http://a"},{"url":"http://b","paralel":2}]}"#),
            "hosts[1].paralel"
        );
        assert_eq!(field(r#"{"hosts":[{"url":"gpu:11434"}]}"#), "hosts[0].url");
        assert_eq!(field(r#"{"hosts":[]}"#), "hosts");
        assert_eq!(field(r#"{"hosts":[{"url":"http://a"},{"url":"http://a"}]}"#), "hosts[1].id");
        assert_eq!(field(r#"{"hosts":[{"url":"http://a","headers":{"x y":"1"}}]}"#), "hosts[0].headers.x y");
        assert_eq!(
            field(
                r#"{"hosts":[{"url":"http://a"}],"prometheus":{"url":"http://p","bearer":"t","username":"u"}}"#
            ),
            "prometheus.bearer"
        );
        assert_eq!(
            field(r#"{"hosts":[{"url":"http://a"}],"limits":{"max_cpu_percent":130}}"#),
            "limits.max_cpu_percent"
        );
        assert_eq!(field("nonsense"), "config");
    }
}
