//! How to get access to a server, and how to know that it is the right one: a name and a password, headers, certificates. One set of keys for
//! hosts, the metrics server and the collector of traces.

use std::collections::BTreeMap;

use base64ct::{Base64, Encoding as _};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::endpoint::Endpoint;
use crate::json::{self, Object, Refusal};
use crate::names::HostId;
use crate::range::ConfigError;

/// How to get access to a server: its credentials and certificates. Never logged.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts", optional_fields))]
#[serde(default, deny_unknown_fields)]
pub struct ServerAccess {
    /// Sent as `Authorization: Basic`, with `password`.
    pub username: Option<String>,
    /// Sent as `Authorization: Basic`, with `username`.
    pub password: Option<String>,
    /// Sent with every request.
    #[cfg_attr(
        feature = "typescript",
        ts(as = "Option<std::collections::BTreeMap<String, String>>", optional)
    )]
    pub headers: BTreeMap<String, String>,
    /// A PEM file with the authority that signed the server's certificate, or with that certificate itself. Only this one is then
    /// trusted for this server.
    pub ca_file: Option<String>,
    /// PEM text in place of `ca_file`.
    pub ca: Option<String>,
    /// A PEM file with the client's certificate, for a server that asks for one, followed by those that signed it.
    pub client_cert_file: Option<String>,
    /// PEM text in place of `client_cert_file`.
    pub client_cert: Option<String>,
    /// A PEM file with the key of `client_cert_file`, not encrypted.
    pub client_key_file: Option<String>,
    /// PEM text in place of `client_key_file`.
    pub client_key: Option<String>,
}

impl ServerAccess {
    /// Its keys.
    pub(super) const KEYS: [&str; 9] = [
        "username",
        "password",
        "headers",
        "ca_file",
        "ca",
        "client_cert_file",
        "client_cert",
        "client_key_file",
        "client_key",
    ];

    /// Reads the block of one server: its own keys, and those of its access. `place`: the block's key.
    ///
    /// # Errors
    /// The first key that is unknown or has a wrong value, with its path.
    pub fn read<T: DeserializeOwned>(mut block: Value, place: &str) -> Result<(T, Self), Refusal> {
        let access = block.as_object_mut().map(|keys| taken(keys, &Self::KEYS)).unwrap_or_default();
        let server = json::from_value_at(block, place).map_err(|refusal| refusal.knowing(&Self::KEYS))?;
        let access = json::from_value_at(access.into(), place)?;
        Ok((server, access))
    }

    /// The files that it names.
    pub fn files(&mut self) -> impl Iterator<Item = &mut String> {
        [&mut self.ca_file, &mut self.client_cert_file, &mut self.client_key_file].into_iter().flatten()
    }

    /// The server at this URL. `place`: the key of its block, for refusals; `token`: the key of a bearer token, and the token.
    ///
    /// # Errors
    /// Two ways to authorize at once, half of a way, or a header that HTTP does not allow.
    pub fn endpoint(
        &self,
        place: &str,
        token: Option<(&str, &str)>,
        id: HostId,
        url: String,
    ) -> Result<Endpoint, ConfigError> {
        let authority = Pem { name: "ca", text: self.ca.as_ref(), file: self.ca_file.as_ref() };
        let certificate = Pem {
            name: "client_cert",
            text: self.client_cert.as_ref(),
            file: self.client_cert_file.as_ref(),
        };
        let key =
            Pem { name: "client_key", text: self.client_key.as_ref(), file: self.client_key_file.as_ref() };
        for pem in [&authority, &certificate, &key] {
            pem.refuse_both(place)?;
        }
        for (given, beside) in [(&certificate, &key), (&key, &certificate)] {
            if given.is_given() && !beside.is_given() {
                let why = format!("is missing, though {} is set; give both", given.name);
                return Err(ConfigError::new(format!("{place}.{}", beside.name), why));
            }
        }
        let headers = authorized(place, &self.headers, self.authorization(place, token)?)?;
        Ok(Endpoint {
            ca_file: self.ca_file.clone(),
            ca: self.ca.clone(),
            client_cert_file: self.client_cert_file.clone(),
            client_cert: self.client_cert.clone(),
            client_key_file: self.client_key_file.clone(),
            client_key: self.client_key.clone(),
            ..Endpoint::new(id, url, headers)
        })
    }

    fn authorization(&self, place: &str, token: Option<(&str, &str)>) -> Result<Option<String>, ConfigError> {
        let refuse = |key: &str, why: &str| Err(ConfigError::new(format!("{place}.{key}"), why));
        match (token, &self.username, &self.password) {
            (Some((key, _)), Some(_), _) | (Some((key, _)), _, Some(_)) => {
                refuse(key, &format!("give either {key} or username and password"))
            }
            (None, None, Some(_)) => refuse("username", "is missing, though password is set; give both"),
            (Some((_, token)), None, None) => Ok(Some(format!("Bearer {token}"))),
            (None, Some(name), password) => Ok(Some(basic(name, password.as_deref().unwrap_or_default()))),
            (None, None, None) => Ok(None),
        }
    }
}

/// Moves these keys out of an object.
pub(super) fn taken(from: &mut Object, keys: &[&str]) -> Object {
    let moved = keys.iter().filter_map(|key| Some(((*key).to_owned(), from.shift_remove(*key)?)));
    moved.collect()
}

/// A PEM text, or the file that holds it.
struct Pem<'a> {
    /// The key of the text; that of the file ends in `_file`.
    name: &'static str,
    text: Option<&'a String>,
    file: Option<&'a String>,
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
        return wrong("is not a valid name of an HTTP header");
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
