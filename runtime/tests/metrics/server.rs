//! A metrics server that answers as told, and keeps what it was asked.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use crate::Result;

/// What the server does with a request.
#[derive(Clone)]
pub(crate) enum Behaviour {
    /// Writes these bytes and closes.
    Says(Vec<u8>),
    /// Writes these bytes and keeps the connection open for ever.
    Hangs(Vec<u8>),
}

impl Behaviour {
    pub(crate) fn answers(status: u16, headers: &str, body: &str) -> Self {
        let head = format!("HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
        Self::Says(format!("{head}{headers}\r\n{body}").into_bytes())
    }
}

pub(crate) struct MetricsServer {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
    task: AbortHandle,
}

impl MetricsServer {
    pub(crate) async fn start(behaviour: Behaviour) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = requests.clone();
        let task = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection, behaviour.clone(), kept.clone()));
            }
        });
        Ok(Self { url, requests, task: task.abort_handle() })
    }

    /// Every request so far: its head in lower case, and its body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().map(|requests| requests.clone()).unwrap_or_default()
    }
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut connection: TcpStream, behaviour: Behaviour, kept: Arc<Mutex<Vec<String>>>) {
    let Ok(request) = read(&mut connection).await else { return };
    if let Ok(mut requests) = kept.lock() {
        requests.push(request);
    }
    // A client that has enough closes first.
    match behaviour {
        Behaviour::Says(bytes) => drop(connection.write_all(&bytes).await),
        Behaviour::Hangs(bytes) => {
            drop(connection.write_all(&bytes).await);
            tokio::time::sleep(Duration::from_secs(600)).await;
        }
    }
}

async fn read(connection: &mut TcpStream) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
            if body.len() >= length {
                return Ok(format!("{head}\n\n{body}"));
            }
        }
        if connection.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}
