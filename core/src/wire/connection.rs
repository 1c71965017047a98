//! A connection that could not be made, or was lost before an answer: the system's word to a [`Failure`].

use super::remedy::fault_of;
use crate::failure::{Failure, FailureKind};

/// Reads the code a socket or HTTP client gave (`ECONNREFUSED`, `UND_ERR_CONNECT_TIMEOUT`) and its words.
///
/// A certificate that is not accepted is named as one. Every other code means that the host cannot be reached as configured.
pub fn failure_of_connection(code: Option<&str>, message: &str) -> Failure {
    let (code, message) = (code.unwrap_or_default(), message.trim());
    if let Some((fault, of_certificate)) = fault_of(code, message) {
        let kind = if of_certificate { FailureKind::CertificateRefused } else { FailureKind::Unreachable };
        let words = if message.is_empty() { code } else { message };
        return Failure::new(kind, format!("{} ({words})", fault.what));
    }
    let kind = match code {
        "ETIMEDOUT" | "ESOCKETTIMEDOUT" | "ECONNABORTED" | "UND_ERR_CONNECT_TIMEOUT" => {
            FailureKind::ConnectTimeout
        }
        // The connection stood, but headers come only once the model is loaded.
        "UND_ERR_HEADERS_TIMEOUT" => FailureKind::LoadTimeout,
        "UND_ERR_BODY_TIMEOUT" => FailureKind::Stalled,
        _ => FailureKind::Unreachable,
    };
    let detail = match (code, message) {
        ("", message) => message.to_owned(),
        (code, "") => code.to_owned(),
        (code, message) if message.contains(code) => message.to_owned(),
        (code, message) => format!("{code}: {message}"),
    };
    Failure::new(kind, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::remedy;

    #[test]
    fn codes_become_kinds() {
        let kind = |code| failure_of_connection(Some(code), "").kind;
        for code in ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "ECONNRESET", "EHOSTUNREACH"] {
            assert_eq!(kind(code), FailureKind::Unreachable, "{code}");
        }
        assert_eq!(kind("ETIMEDOUT"), FailureKind::ConnectTimeout);
        assert_eq!(kind("UND_ERR_CONNECT_TIMEOUT"), FailureKind::ConnectTimeout);
        assert_eq!(kind("UND_ERR_HEADERS_TIMEOUT"), FailureKind::LoadTimeout);
        assert_eq!(failure_of_connection(None, "fetch failed").kind, FailureKind::Unreachable);
    }

    #[test]
    fn a_certificate_that_is_not_accepted_is_named_with_how_to_mend_it() {
        for (code, words, fix) in [
            ("DEPTH_ZERO_SELF_SIGNED_CERT", "not trusted here", "ca_file"),
            ("CERT_HAS_EXPIRED", "has expired", "renew"),
            ("ERR_TLS_CERT_ALTNAME_INVALID", "another name", "in the URL"),
            ("ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", "asks for a certificate", "client_cert_file"),
        ] {
            let failure = failure_of_connection(Some(code), "peer said so\n");
            assert_eq!(failure.kind, FailureKind::CertificateRefused, "{code}");
            assert!(failure.detail.contains(words) && failure.detail.ends_with("(peer said so)"));
            assert!(remedy(&failure.detail).is_some_and(|told| told.contains(fix)), "{code}");
        }
        let plain = failure_of_connection(Some("EPROTO"), "ssl3_get_record:wrong version number");
        assert_eq!(plain.kind, FailureKind::Unreachable);
        assert!(remedy(&plain.detail).is_some_and(|told| told.contains("http://")));
        assert_eq!(remedy("ECONNREFUSED"), None);
    }

    #[test]
    fn the_detail_holds_code_and_words_once() {
        let detail = |code, message| failure_of_connection(code, message).detail;
        assert_eq!(detail(Some("ENOTFOUND"), "getaddrinfo ENOTFOUND gpu"), "getaddrinfo ENOTFOUND gpu");
        assert_eq!(detail(Some("ECONNREFUSED"), ""), "ECONNREFUSED");
    }
}
