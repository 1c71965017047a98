//! A host that Sablier starts, and stops when its session is over: a session is asked for to start it, and again while it is in use.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use smart_ai_core::wire::{Endpoint, Reply};
use smart_ai_core::{ConfigError, Failure, HostId};

use super::{Power, failed};
use crate::http::{Server, look};

/// Seconds of one session. Sablier stops a host at the end of its session, even in the middle of an answer.
const SESSION_S: u64 = 600;
/// Seconds after which Sablier has answered that the host is not ready.
const MARGIN_S: u64 = 10;

/// One group of Sablier.
#[derive(Debug)]
pub(super) struct Sablier {
    server: Server,
    path: String,
    /// It waits this long at most until the host is ready.
    ready_s: u64,
}

impl Sablier {
    /// # Errors
    /// A server that cannot be called.
    pub(super) fn new(
        id: &HostId,
        (url, group): (&str, &str),
        ready_s: u64,
        connect_ms: u32,
    ) -> Result<Self, ConfigError> {
        let url = url.trim_end_matches('/').to_owned();
        let endpoint = Endpoint::new(format!("sablier of {id}").into(), url, BTreeMap::new());
        let group = utf8_percent_encode(group, NON_ALPHANUMERIC);
        let path = format!(
            "/api/strategies/blocking?group={group}&session_duration={SESSION_S}s&timeout={ready_s}s"
        );
        Ok(Self { server: Server::new(&endpoint, connect_ms)?, path, ready_s })
    }
}

#[async_trait]
impl Power for Sablier {
    async fn start(&self) -> Result<(), Failure> {
        let reply: Reply =
            look(self.server.get(&self.path), Duration::from_secs(self.ready_s + MARGIN_S)).await;
        match reply.body() {
            Ok(_) => Ok(()),
            Err(failure) => {
                let detail = format!("Sablier: {}: {}", failure.kind.as_str(), failure.detail);
                Err(Failure::new(failure.kind, &detail))
            }
        }
    }

    /// Its session ends by itself, as nothing renews it.
    async fn stop(&self) -> Result<(), Failure> {
        Err(failed("Sablier stops it when its session is over"))
    }

    fn renew_every(&self) -> Option<Duration> {
        Some(Duration::from_secs(SESSION_S / 3))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// A server that gives these answers in turn, and what it was asked.
    async fn asked(answers: &[&str]) -> std::io::Result<(Vec<Result<(), String>>, Vec<String>)> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}/", listener.local_addr()?);
        let sablier =
            Sablier::new(&"nas".into(), (&url, "my models"), 110, 1_000).map_err(std::io::Error::other)?;
        let (mut told, mut lines) = (Vec::new(), Vec::new());
        for answer in answers {
            let serve = async {
                let (mut client, _) = listener.accept().await?;
                let mut request = vec![0; 2_048];
                let length = client.read(&mut request).await?;
                let head = format!("HTTP/1.1 {answer}\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
                client.write_all(head.as_bytes()).await?;
                Ok::<_, std::io::Error>(
                    String::from_utf8_lossy(request.get(..length).unwrap_or_default()).into(),
                )
            };
            let (started, request) = tokio::join!(sablier.start(), serve);
            told.push(started.map_err(|failure| failure.detail));
            let request: String = request?;
            lines.push(request.lines().next().unwrap_or_default().to_owned());
        }
        Ok((told, lines))
    }

    #[tokio::test]
    async fn a_session_of_the_group_is_asked_for_and_its_failure_is_told() -> std::io::Result<()> {
        let (told, lines) = asked(&["200 OK", "504 Gateway Timeout"]).await?;
        let wanted =
            "GET /api/strategies/blocking?group=my%20models&session_duration=600s&timeout=110s HTTP/1.1";
        assert_eq!(lines, [wanted, wanted]);
        assert_eq!(told.first(), Some(&Ok(())));
        assert!(matches!(told.last(), Some(Err(detail)) if detail.starts_with("Sablier: ")), "{told:?}");
        Ok(())
    }
}
