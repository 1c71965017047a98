//! What an owner writes: the fleet with its URLs and keys. Split once into core's [`Config`], which
//! knows neither, and the endpoints a driver keeps.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use serde_json::Value;

use super::access::{ServerAccess, taken};
use super::endpoint::Endpoint;
use super::server_url::ServerUrl;
use super::starter::HostStarter;
use crate::config::{Config, HostConfig};
use crate::json::{self, Object};
use crate::names::HostId;
use crate::range::ConfigError;

/// The configuration every driver takes: one shape for TOML, JavaScript and n8n. It is core's [`Config`] with more keys: those that say
/// where each server is and how to get access to it.
#[derive(Clone, PartialEq, Debug)]
#[cfg_attr(
    feature = "typescript",
    derive(ts_rs::TS),
    ts(
        export_to = "core.d.ts",
        type = "Omit<Config, \"hosts\" | \"metrics\"> & { hosts: Array<FleetHost>, prometheus?: PrometheusServer }"
    )
)]
pub struct FleetConfig {
    /// The Ollama servers; at least one.
    pub hosts: Vec<FleetHost>,
    /// The metrics server, if there is one.
    pub prometheus: Option<PrometheusServer>,
    /// All other keys. Its hosts are those of `hosts` once it is [split](Self::split).
    pub config: Config,
}

/// One Ollama server.
#[derive(Clone, PartialEq, Debug)]
#[cfg_attr(
    feature = "typescript",
    derive(ts_rs::TS),
    ts(
        export_to = "core.d.ts",
        type = "Omit<HostConfig, \"id\" | \"start\"> & Omit<HostServer, \"start\"> & { start?: StartConfig & HostStarter }"
    )
)]
pub struct FleetHost {
    /// Where it is, and how to get access to it.
    pub server: HostServer,
    /// What core is told of it; its name and its `instance` come from the server where the owner gave none.
    pub config: HostConfig,
}

/// Where an Ollama server is, and how to get access to it.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts", optional_fields))]
#[serde(deny_unknown_fields)]
pub struct HostServer {
    /// Its name; the URL's `host:port` if absent.
    #[serde(default)]
    pub id: Option<HostId>,
    /// Where it listens: `http://127.0.0.1:11434`.
    pub url: String,
    /// Sent as `Authorization: Bearer`.
    #[serde(default)]
    pub api_key: Option<String>,
    /// How it lets one in.
    #[serde(skip_deserializing)]
    #[cfg_attr(feature = "typescript", ts(flatten))]
    pub access: ServerAccess,
    /// By what means it is started and stopped.
    #[serde(default)]
    pub start: Option<HostStarter>,
}

/// What of a configuration is about servers.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Servers {
    hosts: Vec<Value>,
    #[serde(default)]
    prometheus: Option<Value>,
}

impl Servers {
    /// Its keys besides `hosts`, and one that is core's alone, which no owner may set.
    const KEYS: [&str; 2] = ["prometheus", "metrics"];

    /// Moves the keys of servers out of a configuration, so that the rest is core's. Whatever has the wrong shape is moved, too, to be
    /// refused.
    fn taken_from(keys: &mut Object) -> Object {
        let mut servers = taken(keys, &Self::KEYS);
        let hosts = match keys.get_mut("hosts") {
            Some(Value::Array(hosts)) => Value::Array(hosts.iter_mut().map(HostServer::taken_from).collect()),
            Some(other) => other.take(),
            None => return servers,
        };
        servers.insert("hosts".to_owned(), hosts);
        servers
    }
}

impl HostServer {
    /// Its own keys besides `start`.
    const KEYS: [&str; 3] = ["id", "url", "api_key"];

    fn taken_from(host: &mut Value) -> Value {
        let Value::Object(keys) = host else { return host.take() };
        let mut server = taken(keys, &Self::KEYS);
        server.extend(taken(keys, &ServerAccess::KEYS));
        if let Some(Value::Object(start)) = keys.get_mut("start") {
            server.insert("start".to_owned(), taken(start, &HostStarter::KEYS).into());
        }
        // Core asks for a name; which it is, is known once the URL is read.
        keys.insert("id".to_owned(), "".into());
        server.into()
    }

    /// `place`: the key of its block.
    fn read(block: Value, place: &str) -> Result<Self, json::Refusal> {
        let (server, access) = ServerAccess::read(block, place)?;
        Ok(Self { access, ..server })
    }
}

/// The metrics server.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts", optional_fields))]
#[serde(deny_unknown_fields)]
pub struct PrometheusServer {
    /// Where it listens: `http://127.0.0.1:9090`.
    pub url: String,
    /// Sent as `Authorization: Bearer`.
    #[serde(default)]
    pub bearer: Option<String>,
    /// How it lets one in.
    #[serde(skip_deserializing)]
    #[cfg_attr(feature = "typescript", ts(flatten))]
    pub access: ServerAccess,
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
    /// By what means hosts are started and stopped; only those that can be.
    #[serde(skip)]
    #[cfg_attr(feature = "typescript", ts(skip))]
    pub starters: BTreeMap<HostId, HostStarter>,
}

impl Default for FleetConfig {
    /// No host yet.
    fn default() -> Self {
        Self { hosts: Vec::new(), prometheus: None, config: Config::new(Vec::new()) }
    }
}

impl FleetConfig {
    /// Reads a configuration from JSON.
    ///
    /// # Errors
    /// JSON that is not a configuration, or an unknown key, with its path.
    pub fn from_json(text: &str) -> Result<Self, ConfigError> {
        Ok(Self::from_value(json::from_str(text)?)?)
    }

    /// Reads a configuration from a JSON object.
    ///
    /// # Errors
    /// As [`Self::from_json`].
    pub fn from_value(value: Value) -> Result<Self, json::Refusal> {
        let mut keys: Object = json::from_value(value)?;
        let servers = Servers::taken_from(&mut keys);
        let Servers { hosts, prometheus } = json::from_value(servers.into())?;
        let hosts = hosts.into_iter().enumerate();
        let hosts = hosts.map(|(index, block)| HostServer::read(block, &format!("hosts[{index}]")));
        let hosts = hosts.collect::<Result<Vec<_>, _>>()?;
        let prometheus = prometheus.map(PrometheusServer::read).transpose()?;
        let mut config: Config = json::from_value(keys.into()).map_err(|refusal: json::Refusal| {
            let is_of_a_host = refusal.path().starts_with("hosts[");
            let is_of_a_start = is_of_a_host && refusal.path().contains(".start.");
            match (is_of_a_start, is_of_a_host) {
                (true, _) => refusal.knowing(&HostStarter::KEYS),
                (false, true) => refusal.knowing(&HostServer::KEYS).knowing(&ServerAccess::KEYS),
                (false, false) => refusal.knowing(&["prometheus"]),
            }
        })?;
        let own = std::mem::take(&mut config.hosts);
        let hosts = hosts.into_iter().zip(own).map(|(server, config)| FleetHost { server, config }).collect();
        Ok(Self { hosts, prometheus, config })
    }

    /// Separates what core may know from what only a driver may.
    ///
    /// # Errors
    /// A URL that is not valid, two ways to authorize at once, or a value [`Config::validate`] refuses.
    pub fn split(&self) -> Result<Fleet, ConfigError> {
        let mut config = Config { metrics: self.prometheus.is_some(), ..self.config.clone() };
        let mut endpoints: Vec<Endpoint> = Vec::new();
        let mut starters = BTreeMap::new();
        for (index, FleetHost { server, config: host }) in self.hosts.iter().enumerate() {
            let url = ServerUrl::parse(&format!("hosts[{index}].url"), &server.url)?;
            let id = server.id.clone().unwrap_or_else(|| url.authority.as_str().into());
            if let Some(starter) = &server.start {
                starter.validate(&format!("hosts[{index}].start"))?;
                starters.insert(id.clone(), starter.clone());
            }
            let instance = host.instance.clone().or_else(|| Some(url.hostname.clone()));
            let mut machine = host.machine.clone().or_else(|| host.instance.clone());
            // One server under two names is on one machine, whatever is told.
            let same = endpoints.iter().position(|endpoint| endpoint.url == url.base);
            if let Some(same) = same.and_then(|position| config.hosts.get_mut(position)) {
                machine = Some(same.machine.get_or_insert_with(|| url.base.clone()).clone());
            }
            config.hosts.push(HostConfig { id: id.clone(), instance, machine, ..host.clone() });
            let token = server.api_key.as_deref().map(|key| ("api_key", key));
            endpoints.push(server.access.endpoint(&format!("hosts[{index}]"), token, id, url.base)?);
        }
        let prometheus = self.prometheus.as_ref().map(PrometheusServer::endpoint).transpose()?;
        config.validate()?;
        Ok(Fleet { config, hosts: endpoints, prometheus, starters })
    }
}

impl FleetHost {
    /// The server at this URL, with Ollama's defaults.
    pub fn at(url: impl Into<String>) -> Self {
        let server = HostServer { url: url.into(), ..HostServer::default() };
        Self { server, config: HostConfig::new("") }
    }
}

impl PrometheusServer {
    /// The server at this URL, without credentials.
    pub fn at(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }

    fn read(block: Value) -> Result<Self, json::Refusal> {
        let (server, access) = ServerAccess::read(block, "prometheus")?;
        Ok(Self { access, ..server })
    }

    fn endpoint(&self) -> Result<Endpoint, ConfigError> {
        let url = ServerUrl::parse("prometheus.url", &self.url)?;
        let token = self.bearer.as_deref().map(|token| ("bearer", token));
        self.access.endpoint("prometheus", token, "prometheus".into(), url.base)
    }
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
            ("gpu:11434", Some("gpu"), Some(2))
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
    fn a_machine_is_told_and_never_taken_from_a_name() {
        let machines = |hosts: &str| {
            let fleet = split(&format!(r#"{{"hosts":[{hosts}]}}"#)).unwrap();
            fleet.config.hosts.into_iter().map(|host| host.machine).collect::<Vec<_>>()
        };
        let tunnels = r#"{"url":"http://localhost:11434"},{"url":"http://localhost:11435"}"#;
        assert_eq!(machines(tunnels), [None, None], "a tunnel leads anywhere");
        let told = r#"{"url":"http://a","instance":"pc"},{"url":"http://b","instance":"pc"}"#;
        assert_eq!(machines(told), [Some("pc".into()), Some("pc".into())]);
        let twice = machines(r#"{"id":"a","url":"http://pc/"},{"id":"b","url":"http://pc"}"#);
        assert!(twice.first() == twice.last() && twice.iter().all(Option::is_some), "{twice:?}");
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
        let tls = |keys: &str| field(&format!(r#"{{"hosts":[{{"url":"https://a",{keys}}}]}}"#));
        assert_eq!(tls(r#""ca":"a","ca_file":"b""#), "hosts[0].ca");
        assert_eq!(
            tls(r#""client_cert":"a","client_cert_file":"b","client_key":"c""#),
            "hosts[0].client_cert"
        );
        assert_eq!(tls(r#""client_cert_file":"a""#), "hosts[0].client_key");
        assert_eq!(tls(r#""client_key":"a""#), "hosts[0].client_cert");
        assert_eq!(field("nonsense"), "config");
    }
}
