//! Where a server is, with what every request to it carries.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::names::HostId;

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
