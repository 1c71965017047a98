//! A connection that could not be made, or was lost before an answer: the system's word to a [`Failure`].

use crate::failure::{Failure, FailureKind};

/// Reads the code a socket or HTTP client gave (`ECONNREFUSED`, `UND_ERR_CONNECT_TIMEOUT`) and its words.
///
/// Every other code, those of names and certificates included, means that the host cannot be reached as configured.
pub fn failure_of_connection(code: Option<&str>, message: &str) -> Failure {
    let code = code.unwrap_or_default();
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

    #[test]
    fn codes_become_kinds() {
        let kind = |code| failure_of_connection(Some(code), "").kind;
        for code in
            ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "ECONNRESET", "CERT_HAS_EXPIRED", "EHOSTUNREACH"]
        {
            assert_eq!(kind(code), FailureKind::Unreachable, "{code}");
        }
        assert_eq!(kind("ETIMEDOUT"), FailureKind::ConnectTimeout);
        assert_eq!(kind("UND_ERR_CONNECT_TIMEOUT"), FailureKind::ConnectTimeout);
        assert_eq!(kind("UND_ERR_HEADERS_TIMEOUT"), FailureKind::LoadTimeout);
        assert_eq!(failure_of_connection(None, "fetch failed").kind, FailureKind::Unreachable);
    }

    #[test]
    fn the_detail_holds_code_and_words_once() {
        let detail = |code, message| failure_of_connection(code, message).detail;
        assert_eq!(detail(Some("ENOTFOUND"), "getaddrinfo ENOTFOUND gpu"), "getaddrinfo ENOTFOUND gpu");
        assert_eq!(
            detail(Some("CERT_HAS_EXPIRED"), "certificate has expired"),
            "CERT_HAS_EXPIRED: certificate has expired"
        );
        assert_eq!(detail(Some("ECONNREFUSED"), ""), "ECONNREFUSED");
    }
}
