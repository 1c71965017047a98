//! Who gets in. Every request to either listener passes these checks before anything else looks at it.

mod keys;
mod manage;
mod names;
mod origins;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::EXPECT;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use gethostname::gethostname;
use tower::ServiceBuilder;

use super::bodies::waste;
use super::dialect::Dialect;
use super::proxy::route::Route;
pub use keys::KeyError;
pub(super) use keys::Keys;
pub use manage::Manage;
use names::Names;
use origins::Origins;

/// Bytes a refused client may still send. They are dropped: most clients read no answer before they have sent all.
const REFUSED_MOST: usize = 64 << 20;
/// How long a refused client may still send.
const REFUSED_FOR: Duration = Duration::from_secs(5);

/// What the owner says of who gets in.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Keys from the environment: each lets its bearer in.
    pub keys: Vec<Secret>,
    /// A file of keys, one a line. If it does not exist, it is made with a new key.
    pub key_file: Option<PathBuf>,
    /// Other machines may come without a key.
    pub no_key: bool,
    /// `/metrics` asks for a key, too.
    pub metrics_key: bool,
    /// Who may change what hosts have.
    pub manage: Manage,
    /// Names this server answers to, besides local ones and addresses.
    pub names: Vec<String>,
    /// Origins of web pages that may use it, besides those that Ollama allows by default.
    pub origins: Vec<String>,
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret")
    }
}

/// The checks of one listener.
#[derive(Debug)]
pub(super) struct Guard {
    origins: Origins,
    names: Names,
    /// Without any, nobody is asked for one.
    keys: Arc<Keys>,
    /// Paths of this listener that answer without a key: whether the server lives is no secret.
    open: &'static [&'static str],
    manage: Manage,
}

impl Guard {
    pub(super) fn new(access: &Access, keys: Arc<Keys>, open: &'static [&'static str]) -> Arc<Self> {
        let origins = Origins::new(&access.origins);
        let machine = gethostname().to_string_lossy().into_owned();
        let names = Names::new(&machine, &access.names);
        Arc::new(Self { origins, names, keys, open, manage: access.manage })
    }

    /// Puts the checks before these routes; the first is asked first.
    pub(super) fn before(self: Arc<Self>, routes: Router) -> Router {
        let checks = ServiceBuilder::new()
            .layer(from_fn_with_state(Arc::clone(&self), origins::pages))
            .layer(from_fn_with_state(Arc::clone(&self), names::known))
            .layer(from_fn_with_state(Arc::clone(&self), keys::known))
            .layer(from_fn_with_state(self, manage::allowed));
        routes.layer(checks)
    }
}

/// A refusal in the words of the API that the request was for, once its body is through.
async fn refuse(request: Request, status: StatusCode, words: &str) -> Response {
    let path = Route::of(request.uri().path()).map(|route| route.path).unwrap_or_default();
    // A client that asks first has sent no body yet.
    if !request.headers().contains_key(EXPECT) {
        drop(tokio::time::timeout(REFUSED_FOR, waste(request.into_body(), REFUSED_MOST)).await);
    }
    Dialect::of_path(&path).refusal(status, words).into_response()
}
