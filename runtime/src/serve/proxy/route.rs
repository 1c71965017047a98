//! Which path a request means: Ollama and servers like it take several spellings of one.

use std::borrow::Cow;

use axum::extract::Request;
use axum::http::uri::PathAndQuery;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::Response;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::serve::dialect::{Dialect, Refusal};

/// Signs that a path has without percent signs, wherever it is matched.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A request's path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::serve) struct Route {
    /// With its percent signs resolved, one slash between two names, and none in the end: `/api/chat`.
    pub(in crate::serve) path: String,
    /// With its percent signs as they came, to be sent on.
    pub(in crate::serve) sent: String,
}

impl Route {
    /// `None` where the path climbs (`/x/../api/chat`) or has a backslash in it, which some take for a slash: what it means depends on who
    /// reads it.
    pub(in crate::serve) fn of(path: &str) -> Option<Self> {
        let sent = plain(path);
        let decoded: Cow<'_, str> = percent_decode_str(&sent).decode_utf8_lossy();
        let is_unclear =
            decoded.contains('\\') || decoded.split('/').any(|segment| segment == "." || segment == "..");
        let path = plain(&decoded);
        (!is_unclear).then_some(Self { path, sent })
    }
}

/// The query of a request, with its question mark.
pub(super) fn query(uri: &Uri) -> String {
    uri.query().map(|query| format!("?{query}")).unwrap_or_default()
}

/// Gives every request the one spelling of its path that the routes are written in, and keeps the path to be sent on beside it.
///
/// # Errors
/// A path that means different things to different readers, or a method that no host is asked with.
pub(in crate::serve) async fn clear(mut request: Request, next: Next) -> Result<Response, Refusal> {
    let Some(route) = Route::of(request.uri().path()) else {
        let words = "the path has ., .. or a backslash in it; send the path that it leads to";
        return Err(Dialect::Ollama.refusal(StatusCode::BAD_REQUEST, words));
    };
    if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
        // A host would tell what it was sent: the key that is meant for it.
        let words = "this method is not passed on to a host";
        return Err(Dialect::Ollama.refusal(StatusCode::METHOD_NOT_ALLOWED, words));
    }
    let path = utf8_percent_encode(&route.path, PLAIN);
    let target = format!("{path}{}", query(request.uri()));
    if let Ok(target) = PathAndQuery::try_from(target) {
        *request.uri_mut() = Uri::from(target);
    }
    request.extensions_mut().insert(route);
    Ok(next.run(request).await)
}

/// One slash between two names, and none in the end.
fn plain(path: &str) -> String {
    let mut plain = String::with_capacity(path.len());
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        plain.push('/');
        plain.push_str(segment);
    }
    if plain.is_empty() { "/".to_owned() } else { plain }
}

#[cfg(test)]
mod tests {
    use super::Route;

    #[test]
    fn every_spelling_that_a_host_takes_is_the_same_route() {
        for path in ["/api/chat", "//api/chat", "/api//chat/", "/%61pi/chat", "/api%2Fchat", "/api%2F%2fchat"]
        {
            assert_eq!(Route::of(path).map(|route| route.path).as_deref(), Some("/api/chat"), "{path}");
        }
        assert_eq!(Route::of("/").map(|route| route.path).as_deref(), Some("/"));
        let model = Route::of("/v1/models/hf.co%2Fa%2Fb").map(|route| (route.path, route.sent));
        assert_eq!(model, Some(("/v1/models/hf.co/a/b".to_owned(), "/v1/models/hf.co%2Fa%2Fb".to_owned())));
    }

    #[test]
    fn a_path_that_climbs_is_no_route() {
        for path in ["/x/../api/chat", "/./api/chat", "/x/%2e%2e/api/chat", "/x/%2E./api/chat", "/x\\..\\api"]
        {
            assert_eq!(Route::of(path), None, "{path}");
        }
    }

    #[test]
    fn what_was_judged_is_what_the_host_gets() {
        for byte in 0_u8..=255 {
            for spelling in [vec![byte], format!("%{byte:02x}").into_bytes()] {
                let path = [b"/api".as_slice(), &spelling, b"pull"].concat();
                // What HTTP does not allow never comes so far.
                let Ok(uri) = axum::http::Uri::try_from(path.as_slice()) else { continue };
                let Some(route) = Route::of(uri.path()) else { continue };
                let url = reqwest::Url::parse(&format!("http://pc{}", route.sent));
                let sent = url.map(|url| Route::of(url.path()).map(|sent| sent.path));
                assert_eq!(sent, Ok(Some(route.path)), "{uri}");
            }
        }
    }
}
