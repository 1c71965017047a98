//! Faults of reaching a server that a person can put right: what is said of each, and how to mend it.

/// One fault.
pub(super) struct Fault {
    /// The codes of OpenSSL and Node, which every driver reports.
    codes: &'static [&'static str],
    /// What is wrong; a failure's detail begins with it.
    pub(super) what: &'static str,
    fix: &'static str,
}

const FAULTS: [Fault; 8] = [
    Fault {
        codes: &[
            "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
            "UNABLE_TO_GET_ISSUER_CERT",
            "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
            "SELF_SIGNED_CERT_IN_CHAIN",
            "DEPTH_ZERO_SELF_SIGNED_CERT",
        ],
        what: "its certificate is signed by an authority that is not trusted here",
        fix: "give that authority's PEM file: `ca_file` beside the URL (n8n: the field Certificate Authority of the credential)",
    },
    Fault {
        codes: &["CERT_HAS_EXPIRED"],
        what: "its certificate has expired",
        fix: "renew the certificate there; if it is new, set this machine's clock right",
    },
    Fault {
        codes: &["CERT_NOT_YET_VALID"],
        what: "its certificate is not valid yet",
        fix: "set the clock right, there and on this machine",
    },
    Fault {
        codes: &["ERR_TLS_CERT_ALTNAME_INVALID", "HOSTNAME_MISMATCH"],
        what: "its certificate is for another name",
        fix: "write one of the certificate's names in the URL, or have the certificate made for the URL's",
    },
    Fault {
        codes: &[
            "CERT_REVOKED",
            "CERT_REJECTED",
            "CERT_UNTRUSTED",
            "CERT_SIGNATURE_FAILURE",
            "CERT_CHAIN_TOO_LONG",
            "INVALID_CA",
            "INVALID_PURPOSE",
            "PATH_LENGTH_EXCEEDED",
        ],
        what: "its certificate is not accepted",
        fix: "have a certificate made there that names the URL's host and may be used by a server",
    },
    Fault {
        codes: &[
            "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED",
            "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA",
            "ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE",
            "ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        ],
        what: "it asks for a certificate of its client, and got none that it accepts",
        fix: "give one that its owner signed: `client_cert_file` and `client_key_file` beside the URL (n8n: the fields Client Certificate and Client Key of the credential)",
    },
    Fault {
        codes: &["ERR_SSL_WRONG_VERSION_NUMBER", "ERR_SSL_PACKET_LENGTH_TOO_LONG"],
        what: "it speaks no TLS at this port",
        fix: "write http:// in the URL, or the port of its https",
    },
    Fault {
        codes: &[],
        what: "it redirects to ",
        fix: "write the address that it redirects to in the URL; where that is a page to sign in, give the key that its proxy asks for (`api_key`, `username` and `password`, or `headers`)",
    },
];
/// Faults of certificates are the first of them.
const OF_CERTIFICATES: usize = 6;

/// The fault of a certificate or of TLS that a code stands for, and whether it is the certificate's.
pub(super) fn fault_of(code: &str, message: &str) -> Option<(&'static Fault, bool)> {
    // Node says so much of every handshake that broke.
    let code = match code {
        "EPROTO" if message.contains("wrong version number") => "ERR_SSL_WRONG_VERSION_NUMBER",
        "EPROTO" if message.contains("packet length too long") => "ERR_SSL_PACKET_LENGTH_TOO_LONG",
        _ => code,
    };
    let position = FAULTS.iter().position(|fault| fault.codes.contains(&code))?;
    FAULTS.get(position).map(|fault| (fault, position < OF_CERTIFICATES))
}

/// How the words for a redirect begin.
pub(super) fn redirects() -> &'static str {
    FAULTS.last().map_or("", |fault| fault.what)
}

/// How to mend what a failure's detail tells, where that is known: a certificate that is not accepted, TLS where there is none,
/// a redirect. The detail may stand within other words.
pub fn remedy(detail: &str) -> Option<&'static str> {
    FAULTS.iter().find(|fault| detail.contains(fault.what)).map(|fault| fault.fix)
}
