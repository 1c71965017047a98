//! A listener: takes connections, up to a number of them, and ends each as soon as nothing of it is under way.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::Interest;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::socket::Served;

/// How long a connection may be without a whole request head: idle, or half sent. Longer than proxies and clients keep idle ones
/// (nginx, AWS and .NET 60 s, Go 90 s, Caddy 120 s), so that they close them: else they send a request into one that is being closed.
const HEAD_MOST: Duration = Duration::from_secs(130);
/// Bytes a connection's request head may have; with as many connections as there may be, this much memory times their number.
const HEAD_BYTES: usize = 64 << 10;
/// How long to wait before a connection is taken again after the system had no room for one.
const NO_ROOM: Duration = Duration::from_millis(200);
/// How long the last bytes of an answer may take to reach the client once the server stops.
const FLUSH_MOST: Duration = Duration::from_secs(2);
/// How soon the server notices that a client has left which had sent more than was read.
const LEFT_WITHIN: Duration = Duration::from_secs(1);

/// Both ends of the connection a request came by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    client: IpAddr,
    server: Option<IpAddr>,
}

impl Peer {
    /// Whether the client is a program of this machine.
    pub(super) fn is_this_machine(self) -> bool {
        self.client.is_loopback() || Some(self.client) == self.server
    }
}

/// Takes connections until `stopping`, then lets requests under way end.
pub(super) async fn run(listener: TcpListener, routes: Router, most: usize, stopping: CancellationToken) {
    let (room, connections) = (Arc::new(Semaphore::new(most)), TaskTracker::new());
    while let Some(accepted) = stopping.run_until_cancelled(accept(&listener, &room)).await {
        let (stream, peer, place) = accepted;
        let (routes, stopping) = (routes.clone(), stopping.clone());
        connections.spawn(async move {
            serve(stream, peer, routes, stopping).await;
            drop(place);
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// The next connection and its place. Beyond the most, clients wait in the system's queue.
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, Option<tokio::sync::OwnedSemaphorePermit>) {
    let place = Arc::clone(room).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, place),
            Err(error) if is_of_the_connection(&error) => {}
            Err(_) => tokio::time::sleep(NO_ROOM).await,
        }
    }
}

fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Serves one connection to its end.
async fn serve(stream: TcpStream, client: SocketAddr, routes: Router, stopping: CancellationToken) {
    drop(stream.set_nodelay(true));
    let server = stream.local_addr().ok().map(|address| address.ip().to_canonical());
    let peer = Peer { client: client.ip().to_canonical(), server };
    // Held by each request until its answer is through.
    let under_way = Arc::new(());
    let requests = Arc::clone(&under_way);
    let service = service_fn(move |mut request: Request<Incoming>| {
        let (routes, held) = (routes.clone(), Arc::clone(&requests));
        request.extensions_mut().insert(peer);
        async move {
            let response: Response<Body> = routes.oneshot(request.map(Body::new)).await?;
            Ok::<_, std::convert::Infallible>(response.map(|body| {
                body.map_frame(move |frame| {
                    // Holds it until the last frame is through.
                    let _: &Arc<()> = &held;
                    frame
                })
            }))
        }
    });
    let stream = Arc::new(stream);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_MOST)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(Served(Arc::clone(&stream))), service);
    tokio::pin!(connection);
    tokio::select! {
        // How a connection ends is its requests' affair.
        _ = &mut connection => return,
        () = left(&stream) => return,
        () = stopping.cancelled() => {}
    }
    connection.as_mut().graceful_shutdown();
    // One is our own, one the service's: with no more, no request is whole.
    let idle = Arc::strong_count(&under_way) <= 2;
    let gone = async { if idle { tokio::time::sleep(FLUSH_MOST).await } else { left(&stream).await } };
    tokio::select! {
        _ = connection => {}
        () = gone => {}
    }
}

/// Ends a while after the client has closed its side, also where it has sent more than was read.
async fn left(stream: &TcpStream) {
    while stream.ready(Interest::READABLE).await.is_ok_and(|ready| !ready.is_read_closed()) {
        tokio::time::sleep(LEFT_WITHIN).await;
    }
    tokio::time::sleep(LEFT_WITHIN).await;
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream as Blocking;

    use tokio::task::spawn_blocking;

    use super::*;

    /// Asks, and returns the connection once it is answered.
    fn ask(mut stream: Blocking) -> io::Result<Blocking> {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: pc\r\n\r\n")?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"here") {
            let mut part = [0; 512];
            let length = stream.read(&mut part)?;
            if length == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            answer.extend_from_slice(part.get(..length).unwrap_or_default());
        }
        Ok(stream)
    }

    // A blocking task holds the paused clock.
    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_is_kept_longer_than_proxies_and_clients_keep_it() -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (routes, stopping) = (Router::new().fallback(|| async { "here" }), CancellationToken::new());
        let running = tokio::spawn(run(listener, routes, 1, stopping.clone()));
        let stream = spawn_blocking(move || ask(Blocking::connect(address)?)).await??;
        tokio::time::advance(Duration::from_secs(125)).await;
        drop(spawn_blocking(move || ask(stream)).await??);
        stopping.cancel();
        running.await?;
        Ok(())
    }
}
