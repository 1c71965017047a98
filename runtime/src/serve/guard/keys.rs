//! Keys: where the owner has given any, each request brings one of them.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use axum::middleware::Next;
use subtle::ConstantTimeEq as _;
use thiserror::Error;

use super::{Access, Guard, Secret, refuse};

/// Where clients of Anthropic and of Azure's `OpenAI` put theirs.
const HEADERS: [&str; 2] = ["x-api-key", "api-key"];
/// Random bytes of a key that is made.
const KEY_BYTES: usize = 24;

/// Why there are no keys.
#[derive(Debug, Error)]
#[error("--key-file {path}: {message}", path = path.display())]
pub struct KeyError {
    path: PathBuf,
    message: String,
}

/// The keys of this server; none lets everybody in.
#[derive(Debug, Default)]
pub(in crate::serve) struct Keys {
    fixed: Vec<Secret>,
    file: Option<PathBuf>,
    read: RwLock<Vec<Secret>>,
}

impl Keys {
    /// The owner's keys. If the file does not exist, it is made with a new key.
    pub(in crate::serve) fn of(access: &Access) -> Result<Self, KeyError> {
        let keys =
            Self { fixed: access.keys.clone(), file: access.key_file.clone(), read: RwLock::default() };
        if let Some(path) = keys.file.as_deref().filter(|path| !path.exists()) {
            let refuse = |error: io::Error| KeyError {
                path: path.to_owned(),
                message: format!("does not exist, and cannot be made: {error}"),
            };
            make(path).map_err(refuse)?;
            drop(writeln!(io::stderr(), "smart-ai: {} was made, with a new key", path.display()));
        }
        keys.read_again()?;
        Ok(keys)
    }

    /// Reads the file anew; a file that is not right changes nothing.
    pub(in crate::serve) fn read_again(&self) -> Result<(), KeyError> {
        let Some(path) = &self.file else { return Ok(()) };
        let refuse = |message: String| KeyError { path: path.clone(), message };
        let text = fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let keys: Vec<Secret> = lines.map(|line| Secret(line.to_owned())).collect();
        if keys.is_empty() {
            return Err(refuse("holds no key; write one on a line of its own".to_owned()));
        }
        *self.read.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    /// Whether nobody is asked for a key.
    pub(in crate::serve) fn is_empty(&self) -> bool {
        self.fixed.is_empty() && self.file.is_none()
    }

    /// Compares with every key, in constant time, so that the time does not give a key away.
    fn hold(&self, given: &str) -> bool {
        let read = self.read.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = subtle::Choice::from(0);
        for Secret(key) in self.fixed.iter().chain(read.iter()) {
            found |= key.as_bytes().ct_eq(given.as_bytes());
        }
        found.into()
    }
}

/// Lets in who brings a key.
pub(super) async fn known(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response<Body> {
    let (keys, path) = (&guard.keys, request.uri().path());
    let is_open = guard.open.contains(&path) && matches!(*request.method(), Method::GET | Method::HEAD);
    if keys.is_empty() || is_open || given(request.headers()).any(|key| keys.hold(key)) {
        return next.run(request).await;
    }
    let words = match given(request.headers()).next() {
        Some(_) => "the key is not one of this server's",
        None => "the server asks for a key; send Authorization: Bearer KEY, or x-api-key: KEY",
    };
    let mut response = refuse(request, StatusCode::UNAUTHORIZED, words).await;
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

/// Every key that a request brings: some clients send one in two headers, and a placeholder in one of them.
fn given(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let tokens = headers.get_all(AUTHORIZATION).iter().filter_map(|value| {
        let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    });
    let plain =
        HEADERS.iter().flat_map(|name| headers.get_all(*name)).filter_map(|value| value.to_str().ok());
    tokens.chain(plain)
}

/// A file that only its owner reads, with a new key in it.
fn make(path: &Path) -> io::Result<()> {
    let mut bytes = [0; KEY_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    let key = bytes.iter().fold(String::new(), |key, byte| format!("{key}{byte:02x}"));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    writeln!(file, "{key}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(axum::http::HeaderName::from_static(name), HeaderValue::from_static(value))])
    }

    #[test]
    fn a_key_comes_in_each_header_that_clients_use() {
        for (name, value) in [
            ("authorization", "Bearer k1"),
            ("authorization", "bearer k1"),
            ("x-api-key", "k1"),
            ("api-key", "k1"),
        ] {
            assert_eq!(given(&headers(name, value)).collect::<Vec<_>>(), ["k1"], "{name}: {value}");
        }
        assert_eq!(given(&headers("authorization", "Basic k1")).next(), None);
        let mut both = headers("authorization", "Bearer placeholder");
        both.extend(headers("x-api-key", "k1"));
        assert_eq!(given(&both).collect::<Vec<_>>(), ["placeholder", "k1"]);
    }

    #[test]
    fn a_file_is_made_once_and_read_again() -> io::Result<()> {
        let path = std::env::temp_dir().join(format!("smart-ai-keys-{}", std::process::id()));
        drop(fs::remove_file(&path));
        let access = Access { key_file: Some(path.clone()), ..Access::default() };
        let keys = Keys::of(&access).map_err(io::Error::other)?;
        let made = fs::read_to_string(&path)?;
        assert!(keys.hold(made.trim()) && made.trim().len() == 2 * KEY_BYTES && !keys.hold(""));
        assert!(Keys::of(&access).is_ok_and(|again| again.hold(made.trim())));
        fs::write(&path, "# two\nfirst\n\n second \n")?;
        assert!(keys.read_again().is_ok());
        assert!(keys.hold("first") && keys.hold("second") && !keys.hold("# two") && !keys.hold(made.trim()));
        fs::write(&path, "\n")?;
        assert!(keys.read_again().is_err_and(|error| error.to_string().contains("holds no key")));
        assert!(keys.hold("first"), "what is not right changes nothing");
        fs::remove_file(&path)
    }

    #[test]
    fn nothing_prints_a_key() {
        let access = Access { keys: vec![Secret("hunter2".to_owned())], ..Access::default() };
        assert!(!format!("{access:?} {:?}", Keys::of(&access)).contains("hunter2"));
    }
}
