//! The address of a server, as far as a dispatcher cares: what to append a path to, and what to call it.

use crate::range::ConfigError;

/// What divides the scheme from the rest.
const AFTER_SCHEME: &str = "://";

#[derive(Clone, PartialEq, Debug)]
pub(super) struct ServerUrl {
    /// Scheme, authority and path prefix, without a slash at the end.
    pub(super) base: String,
    /// `host:port`, or the host where the port is the scheme's own.
    pub(super) authority: String,
    /// The host alone, IPv6 brackets included.
    pub(super) hostname: String,
}

impl ServerUrl {
    pub(super) fn parse(field: &str, text: &str) -> Result<Self, ConfigError> {
        // What may hold a password or a token is not quoted.
        let secret = text.bytes().any(|byte| matches!(byte, b'@' | b'?' | b'#'));
        let quoted = if secret { String::new() } else { format!("\"{text}\" ") };
        let refuse = |why: &str| Err(ConfigError::new(field, format!("{quoted}{why}")));
        let trimmed = text.trim();
        let parts = trimmed.find(AFTER_SCHEME).and_then(|at| trimmed.split_at_checked(at));
        let Some((scheme, rest)) = parts else {
            return refuse("is not a URL; write http://host:port");
        };
        let rest = rest.get(AFTER_SCHEME.len()..).unwrap_or_default();
        if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
            return refuse("must begin with http:// or https://");
        }
        let end = rest.bytes().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if authority.bytes().any(|byte| byte == b'@') {
            // The text holds a password: say nothing of it.
            return Err(ConfigError::new(
                field,
                "holds a user name or password; give them by the keys username and password",
            ));
        }
        if path.bytes().any(|byte| matches!(byte, b'?' | b'#')) {
            return refuse("has a ? or a #; leave it out, and what follows it");
        }
        let (hostname, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (authority, None),
        };
        if hostname.is_empty() || trimmed.chars().any(char::is_whitespace) {
            return refuse("names no host; write http://host:port");
        }
        if port.is_some_and(|port| port.parse::<u16>().is_err()) {
            return refuse("has a port that is not a number from 0 to 65535");
        }
        Ok(Self {
            base: format!("{}://{authority}{}", scheme.to_ascii_lowercase(), path.trim_end_matches('/')),
            authority: authority.to_owned(),
            hostname: hostname.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_may_be_a_secret_is_quoted() {
        for text in ["ann:hunter2@host:1", "http://host/?token=hunter2", "host?token=hunter2", "host#hunter2"]
        {
            assert!(parts(text).is_err_and(|words| !words.contains("hunter2")), "{text}");
        }
    }

    fn parts(text: &str) -> Result<(String, String, String), String> {
        ServerUrl::parse("url", text)
            .map(|url| (url.base, url.authority, url.hostname))
            .map_err(|error| error.message)
    }

    #[test]
    fn parts_are_found() {
        let expect =
            |base: &str, authority: &str, host: &str| Ok((base.into(), authority.into(), host.into()));
        assert_eq!(parts("http://gpu:11434/"), expect("http://gpu:11434", "gpu:11434", "gpu"));
        assert_eq!(parts("HTTPS://a.b/ollama/"), expect("https://a.b/ollama", "a.b", "a.b"));
        assert_eq!(parts("http://[::1]:11434"), expect("http://[::1]:11434", "[::1]:11434", "[::1]"));
        assert_eq!(parts("http://[::1]"), expect("http://[::1]", "[::1]", "[::1]"));
    }

    #[test]
    fn what_is_no_server_is_refused() {
        for text in [
            "",
            "gpu",
            "ftp://gpu",
            "http://",
            "http://:80",
            "http://gpu:port",
            "http://g pu",
            "http://a?x=1",
        ] {
            assert!(parts(text).is_err(), "{text}");
        }
        assert!(parts("http://ann:pw@gpu").is_err_and(|message| !message.contains("pw")));
    }
}
