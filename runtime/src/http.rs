//! One HTTP client for every server: pooled, no proxy, no redirects; answers capped, failures named.

use std::error::Error;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, ClientBuilder, Identity, Method, RequestBuilder, Response, StatusCode};
use rustls::{ClientConfig, RootCertStore};
use smart_ai_core::wire::{BODY_MAX, Body, Endpoint, Outgoing, Reply};
use smart_ai_core::{ConfigError, Failure, wire};

use crate::certificates;

/// A look of which no dispatcher says how long it may take.
pub(crate) const ONE_LOOK: Duration = Duration::from_secs(30);

/// A server and the client that reaches it.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    client: Client,
    url: String,
    headers: HeaderMap,
}

impl Server {
    /// # Errors
    /// A header that HTTP does not allow, or a PEM file that cannot be read or used.
    pub(crate) fn new(endpoint: &Endpoint, connect_timeout_ms: u32) -> Result<Self, ConfigError> {
        certificates::install_provider();
        let refuse = |message: String| ConfigError::new(endpoint.id.to_string(), message);
        let mut builder = Client::builder()
            .no_proxy()
            .user_agent(concat!("smart-ai/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .connect_timeout(Duration::from_millis(u64::from(connect_timeout_ms)));
        if !endpoint.url.starts_with("https:") {
            // Machines without any authority, as bare containers are, reach servers that need none.
            builder = builder.tls_certs_only([]);
        }
        builder = secured(builder, endpoint).map_err(refuse)?;
        let client = builder.build().map_err(|error| refuse(words(&error)))?;
        let headers = headers(&endpoint.headers).map_err(refuse)?;
        Ok(Self { client, url: endpoint.url.clone(), headers })
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.url)).headers(self.headers.clone())
    }

    /// Sends a JSON text.
    pub(crate) fn post(&self, path: &str, json: String) -> RequestBuilder {
        self.to(path).header(reqwest::header::CONTENT_TYPE, "application/json").body(json)
    }

    /// What core wants sent.
    pub(crate) fn send(&self, request: Outgoing) -> RequestBuilder {
        match request.body {
            None => self.get(&request.path),
            Some(Body { content_type, text }) => {
                self.to(&request.path).header(reqwest::header::CONTENT_TYPE, content_type).body(text)
            }
        }
    }

    /// Sends a body as it is.
    pub(crate) fn post_bytes(&self, path: &str, body: Bytes) -> RequestBuilder {
        self.to(path).body(body)
    }

    /// Any request.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).headers(self.headers.clone())
    }

    /// Sends named values as an HTML form does.
    pub(crate) fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        self.to(path).form(fields)
    }

    fn to(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.url)).headers(self.headers.clone())
    }
}

/// Whose certificate is accepted, and which one is shown.
fn secured(builder: ClientBuilder, endpoint: &Endpoint) -> Result<ClientBuilder, String> {
    let authority = Pem::of("ca", endpoint.ca.as_ref(), endpoint.ca_file.as_ref())?;
    let certificate =
        Pem::of("client_cert", endpoint.client_cert.as_ref(), endpoint.client_cert_file.as_ref())?;
    let key = Pem::of("client_key", endpoint.client_key.as_ref(), endpoint.client_key_file.as_ref())?;
    let shown = match (&certificate, &key) {
        (Some(certificate), Some(key)) => {
            let chain = certificates::chain(&certificate.text).map_err(|why| certificate.refuse(&why))?;
            let own = certificates::key(&key.text).map_err(|why| key.refuse(&why))?;
            Some((chain, own, [&*certificate.text, &key.text].join(&b'\n')))
        }
        (None, None) => None,
        _ => return Err("client_cert_file and client_key_file belong together: give both".to_owned()),
    };
    match (authority, shown) {
        (Some(authority), shown) => {
            let accepted = certificates::trusting(&authority.text).map_err(|why| authority.refuse(&why))?;
            let tls = match shown {
                Some((chain, key, _)) => accepted.with_client_auth_cert(chain, key).map_err(not_its_key)?,
                None => accepted.with_no_client_auth(),
            };
            Ok(builder.tls_backend_preconfigured(tls))
        }
        (None, Some((chain, key, pem))) => {
            // Else the client's own words would say it, which name no file.
            let nobody = ClientConfig::builder().with_root_certificates(RootCertStore::empty());
            nobody.with_client_auth_cert(chain, key).map_err(not_its_key)?;
            Ok(builder.identity(Identity::from_pem(&pem).map_err(not_its_key)?))
        }
        (None, None) => Ok(builder),
    }
}

fn not_its_key(error: impl Error) -> String {
    format!("client_key_file is not the key of client_cert_file: {error}")
}

/// A PEM text that an owner gave, and what it is called in a refusal.
struct Pem {
    name: String,
    text: Vec<u8>,
}

impl Pem {
    fn of(name: &str, text: Option<&String>, file: Option<&String>) -> Result<Option<Self>, String> {
        if let Some(path) = file {
            let name = format!("{name}_file {path}");
            let text = std::fs::read(path).map_err(|error| format!("{name}: {error}"))?;
            return Ok(Some(Self { name, text }));
        }
        Ok(text.map(|text| Self { name: name.to_owned(), text: text.as_bytes().to_owned() }))
    }

    fn refuse(&self, why: &str) -> String {
        format!("{}: {why}", self.name)
    }
}

fn headers<'a>(named: impl IntoIterator<Item = (&'a String, &'a String)>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in named {
        let key = HeaderName::try_from(name).map_err(|_| format!("\"{name}\" is no header's name"))?;
        let mut value = HeaderValue::try_from(value)
            .map_err(|_| format!("the value of header \"{name}\" is not allowed"))?;
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    Ok(headers)
}

/// A look: the whole answer, capped in time and size.
pub(crate) async fn look(request: RequestBuilder, within: Duration) -> Reply {
    match request.timeout(within).send().await {
        Ok(response) => answered(response).await,
        Err(error) => lost(&error),
    }
}

/// The reply to a look, when the look began and how long it took.
#[derive(Debug)]
pub(crate) struct TimedReply {
    pub(crate) reply: Reply,
    pub(crate) began: Instant,
    pub(crate) took: Duration,
}

/// A look, when it began and how long it took.
pub(crate) async fn timed_look(request: RequestBuilder, within: Duration) -> TimedReply {
    let began = Instant::now();
    let reply = look(request, within).await;
    TimedReply { reply, began, took: began.elapsed() }
}

/// An answer other than a success, to be passed on as it is.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) content_type: Option<String>,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: String,
}

/// What the server said in place of an answer: what it means, and as it is.
pub(crate) async fn refusal(response: Response) -> (Failure, Refusal) {
    let status = response.status();
    let content_type = response.headers().get(reqwest::header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let reply = answered(response).await;
    let failure = reply.failure();
    let (body, retry_after) = match reply {
        Reply::Answered { body, retry_after, .. } => (body, retry_after),
        Reply::Lost { .. } => (String::new(), None),
    };
    (failure, Refusal { status, content_type, retry_after, body })
}

/// What the server said in place of an answer.
pub(crate) async fn refused(response: Response) -> Failure {
    answered(response).await.failure()
}

/// A connection that could not be made or did not last.
pub(crate) fn connection_failure(error: &reqwest::Error) -> Failure {
    wire::failure_of_connection(code(error), &words(error))
}

async fn answered(mut response: Response) -> Reply {
    let status = response.status().as_u16();
    let header = |name| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
    let (retry_after, date) = (header(reqwest::header::RETRY_AFTER), header(reqwest::header::DATE));
    let location = header(reqwest::header::LOCATION);
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= BODY_MAX => body.extend_from_slice(&chunk),
            Ok(Some(_)) => {
                let message = format!("the answer is larger than {BODY_MAX} bytes");
                return Reply::Lost { code: None, message };
            }
            Ok(None) => break,
            Err(error) => return lost(&error),
        }
    }
    Reply::Answered { status, body: String::from_utf8_lossy(&body).into_owned(), retry_after, location, date }
}

fn lost(error: &reqwest::Error) -> Reply {
    Reply::Lost { code: code(error).map(str::to_owned), message: words(error) }
}

/// The system's word for a lost connection, as every driver reports it.
pub(crate) fn code(error: &reqwest::Error) -> Option<&'static str> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(code) = within(current).and_then(certificates::code) {
            return Some(code);
        }
        if let Some(io) = current.downcast_ref::<std::io::Error>() {
            let kinds = [
                (ErrorKind::ConnectionRefused, "ECONNREFUSED"),
                (ErrorKind::ConnectionReset, "ECONNRESET"),
                (ErrorKind::BrokenPipe, "ECONNRESET"),
                (ErrorKind::TimedOut, "ETIMEDOUT"),
                (ErrorKind::HostUnreachable, "EHOSTUNREACH"),
                (ErrorKind::NetworkUnreachable, "EHOSTUNREACH"),
            ];
            if let Some((_, code)) = kinds.into_iter().find(|(kind, _)| *kind == io.kind()) {
                return Some(code);
            }
        }
        cause = current.source();
    }
    error.is_timeout().then_some("ETIMEDOUT")
}

/// The fault of TLS that an error carries; errors of input and output carry theirs in each other, and name no source.
fn within<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let carried = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    error.downcast_ref().or_else(|| carried.and_then(|carried| within(carried)))
}

/// The innermost cause: what a person needs. Never the URL, whose query could hold a key.
pub(crate) fn words(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
