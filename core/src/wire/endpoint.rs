//! Where a server is, how it lets one in, and how it is known to be the right one: a token or a password, headers, certificates.

use std::collections::BTreeMap;

use base64ct::{Base64, Encoding as _};
use serde::Serialize;

use super::server_url::ServerUrl;
use crate::names::HostId;
use crate::range::ConfigError;

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
    /// A PEM file with the certificate that is shown to it.
    pub client_cert_file: Option<String>,
    /// PEM text in place of `client_cert_file`.
    pub client_cert: Option<String>,
    /// A PEM file with the key of that certificate.
    pub client_key_file: Option<String>,
    /// PEM text in place of `client_key_file`.
    pub client_key: Option<String>,
}

impl Endpoint {
    /// A server whose certificate the system's authorities have signed, and that asks for none.
    pub fn new(id: HostId, url: String, headers: BTreeMap<String, String>) -> Self {
        let (ca_file, client_cert_file, client_key_file) = (None, None, None);
        let (ca, client_cert, client_key) = (None, None, None);
        Self { id, url, headers, ca_file, ca, client_cert_file, client_cert, client_key_file, client_key }
    }
}

/// How a server lets one in, and how it is known to be the right one.
pub(super) struct Access<'a> {
    /// The key of the bearer token, and the token.
    pub(super) token: (&'static str, Option<&'a str>),
    pub(super) username: Option<&'a str>,
    pub(super) password: Option<&'a str>,
    pub(super) headers: &'a BTreeMap<String, String>,
    pub(super) authority: Pem<'a>,
    /// Shown to the server, with its key.
    pub(super) certificate: Pem<'a>,
    pub(super) key: Pem<'a>,
}

/// A PEM text, or the file that holds it.
pub(super) struct Pem<'a> {
    /// The key of the text; that of the file ends in `_file`.
    pub(super) name: &'static str,
    pub(super) text: Option<&'a String>,
    pub(super) file: Option<&'a String>,
}

impl Pem<'_> {
    fn is_given(&self) -> bool {
        self.text.is_some() || self.file.is_some()
    }

    fn refuse_both(&self, place: &str) -> Result<(), ConfigError> {
        let Self { name, .. } = self;
        if self.text.is_some() && self.file.is_some() {
            return Err(ConfigError::new(
                format!("{place}.{name}"),
                format!("give either {name} or {name}_file"),
            ));
        }
        Ok(())
    }
}

impl Access<'_> {
    /// `place`: the key of the server's block, for refusals.
    pub(super) fn endpoint(&self, place: &str, id: HostId, url: ServerUrl) -> Result<Endpoint, ConfigError> {
        let Self { authority, certificate, key, .. } = self;
        for pem in [authority, certificate, key] {
            pem.refuse_both(place)?;
        }
        for (given, beside) in [(certificate, key), (key, certificate)] {
            if given.is_given() && !beside.is_given() {
                let why = format!("is missing beside {}", given.name);
                return Err(ConfigError::new(format!("{place}.{}", beside.name), why));
            }
        }
        Ok(Endpoint {
            id,
            url: url.base,
            headers: authorized(place, self.headers, self.authorization(place)?)?,
            ca_file: authority.file.cloned(),
            ca: authority.text.cloned(),
            client_cert_file: certificate.file.cloned(),
            client_cert: certificate.text.cloned(),
            client_key_file: key.file.cloned(),
            client_key: key.text.cloned(),
        })
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
