//! Where traces go.

use std::collections::BTreeMap;
use std::env;

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;
use smart_ai_core::wire::{Endpoint, ServerAccess};
use smart_ai_core::{ConfigError, json};

/// Switches traces off.
const OFF: &str = "off";
/// If this variable is `true`, nothing is sent, even if a collector is configured.
const DISABLED: &str = "OTEL_SDK_DISABLED";
/// What the variables of the exporter begin with.
const OTLP: &str = "OTEL_EXPORTER_OTLP_";
/// Where a collector takes traces.
const PATH: &str = "/v1/traces";

/// The section `[traces]`. A key left out has its default.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub struct TracesConfig {
    /// The collector's base URL, such as `http://127.0.0.1:4318`, or `off`.
    pub url: String,
    /// Traces are sent to `url` itself, without a path behind it: so OpenTelemetry's variable for traces alone is meant.
    #[serde(skip)]
    pub is_whole: bool,
    /// How to get access to the collector.
    #[serde(skip)]
    pub access: ServerAccess,
    /// Jobs whose spans may wait to be sent; more are dropped and counted.
    pub queue_jobs: u32,
}

impl Default for TracesConfig {
    fn default() -> Self {
        Self { url: OFF.to_owned(), is_whole: false, access: ServerAccess::default(), queue_jobs: 2_048 }
    }
}

impl TracesConfig {
    /// Reads the section.
    pub(crate) fn read(section: Value) -> Result<Self, json::Refusal> {
        let (config, access) = ServerAccess::read(section, "traces")?;
        Ok(Self { access, ..config })
    }

    /// Refuses a value out of its range, and names its key.
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        if self.queue_jobs == 0 {
            return Err(ConfigError::new("traces.queue_jobs", "must be at least 1"));
        }
        self.endpoint().map(drop)
    }

    /// What OpenTelemetry's own variables say of these settings: of those of the owner where there are some, else of their own.
    /// `None` where no traces are sent.
    pub(crate) fn with_environment(owner: Option<Self>) -> Option<Self> {
        let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        if set(DISABLED).is_some_and(|value| value.trim().eq_ignore_ascii_case("true")) {
            return None;
        }
        owner.or_else(|| Self::of_environment(set))
    }

    /// What OpenTelemetry's variables name: those for traces alone come first, and the URL of theirs is whole.
    fn of_environment(set: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let for_traces = |name: &str| set(&format!("{OTLP}TRACES_{name}"));
        let of_all = |name: &str| set(&format!("{OTLP}{name}"));
        let either = |name: &str| for_traces(name).or_else(|| of_all(name));
        let whole = for_traces("ENDPOINT");
        Some(Self {
            is_whole: whole.is_some(),
            url: whole.or_else(|| of_all("ENDPOINT"))?,
            access: ServerAccess {
                headers: either("HEADERS").map(|list| headers(&list)).unwrap_or_default(),
                ca_file: either("CERTIFICATE"),
                client_cert_file: either("CLIENT_CERTIFICATE"),
                client_key_file: either("CLIENT_KEY"),
                ..ServerAccess::default()
            },
            ..Self::default()
        })
    }

    /// Where they are sent; `None` where they are off.
    pub(crate) fn endpoint(&self) -> Result<Option<Endpoint>, ConfigError> {
        if self.url == OFF {
            return Ok(None);
        }
        if !["http://", "https://"].iter().any(|scheme| self.url.starts_with(scheme)) {
            let words = "must be the collector's URL (http://… or https://…), or off";
            return Err(ConfigError::new("traces.url", words));
        }
        let base = self.url.trim_end_matches('/');
        let base = base.strip_suffix(PATH).unwrap_or(base);
        let url = if self.is_whole { self.url.clone() } else { format!("{base}{PATH}") };
        self.access.endpoint("traces", None, "traces".into(), url).map(Some)
    }
}

/// Headers as OpenTelemetry's variable lists them: `name=value` pairs between commas, values percent-encoded (W3C Baggage).
fn headers(list: &str) -> BTreeMap<String, String> {
    let pairs = list.split(',').filter_map(|pair| pair.split_once('='));
    let decoded = |value: &str| percent_decode_str(value.trim()).decode_utf8_lossy().into_owned();
    pairs.map(|(name, value)| (name.trim().to_owned(), decoded(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_the_environment_are_percent_decoded() {
        let read = headers("Authorization=Basic%20YTpi%3D%3D, x-tenant = a%2Cb ,nothing,x-raw=a=b%");
        let expected = [("Authorization", "Basic YTpi=="), ("x-raw", "a=b%"), ("x-tenant", "a,b")];
        assert_eq!(read, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    }

    fn url(text: &str) -> Result<Option<String>, ConfigError> {
        let config = TracesConfig { url: text.to_owned(), ..TracesConfig::default() };
        config.endpoint().map(|endpoint| endpoint.map(|endpoint| endpoint.url))
    }

    #[test]
    fn a_collector_is_named_by_its_base_or_its_whole_url() {
        let whole = Ok(Some("http://a:4318/v1/traces".to_owned()));
        assert_eq!(url("http://a:4318"), whole);
        assert_eq!(url("http://a:4318/"), whole);
        assert_eq!(url("http://a:4318/v1/traces"), whole);
        assert_eq!((url("off"), url("a:4318").is_err()), (Ok(None), true));
    }

    #[test]
    fn the_variables_for_traces_come_before_those_of_all_signals_and_their_url_is_whole() {
        let of = |variables: &[(&str, &str)]| {
            let value = |name: &str| variables.iter().find(|(own, _)| format!("{OTLP}{own}") == name);
            let config =
                TracesConfig::of_environment(|name| value(name).map(|(_, value)| (*value).to_owned()))?;
            let endpoint = config.endpoint().ok().flatten()?;
            Some((
                endpoint.url,
                endpoint.headers.get("x-key").cloned().unwrap_or_default(),
                config.access.ca_file,
            ))
        };
        let all = [("ENDPOINT", "http://a:4318"), ("HEADERS", "x-key=all"), ("CERTIFICATE", "all.pem")];
        let told =
            |url: &str, key: &str, ca: &str| Some((url.to_owned(), key.to_owned(), Some(ca.to_owned())));
        assert_eq!(of(&all), told("http://a:4318/v1/traces", "all", "all.pem"));
        let own = [("TRACES_ENDPOINT", "http://b/otel"), ("TRACES_HEADERS", "x-key=own")];
        assert_eq!(of(&[&all[..], &own].concat()), told("http://b/otel", "own", "all.pem"));
        assert_eq!(of(&own), Some(("http://b/otel".to_owned(), "own".to_owned(), None)));
        assert_eq!(of(&all[1..]), None);
    }
}
