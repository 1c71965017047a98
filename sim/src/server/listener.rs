//! Connections: accepted while the host is up, broken when it goes down.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::host::Host;
use crate::fault::FaultKind;

/// Whether a host takes connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reachability {
    Up,
    /// The port is closed.
    Closed,
    /// The port is open and every connection is reset.
    Resetting,
}

fn reachability(host: &Host) -> Reachability {
    host.with(|state, now| match state.faults.holds(now, FaultKind::Down, None, "") {
        None => Reachability::Up,
        // It hits single connections, when they are accepted.
        Some(fault) if fault.reset && (fault.probability.is_some() || fault.count.is_some()) => {
            Reachability::Up
        }
        Some(fault) if fault.reset => Reachability::Resetting,
        Some(_) => Reachability::Closed,
    })
}

/// Serves Ollama's API until `stop`, following the host's `down` faults.
pub(crate) async fn serve_host(
    host: Arc<Host>,
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
) {
    let Ok(address) = listener.local_addr() else { return };
    let mut listener = Some(listener);
    let mut changes = host.changes();
    let mut connections = stop.child_token();
    let tracker = TaskTracker::new();
    loop {
        let now = reachability(&host);
        if now != Reachability::Up && !connections.is_cancelled() {
            connections.cancel();
        } else if now == Reachability::Up && connections.is_cancelled() {
            connections = stop.child_token();
        }
        match now {
            Reachability::Closed => listener = None,
            Reachability::Up | Reachability::Resetting if listener.is_none() => {
                listener = rebind(address, &stop).await;
            }
            Reachability::Up | Reachability::Resetting => {}
        }
        tokio::select! {
            () = stop.cancelled() => break,
            _ = changes.changed() => {}
            accepted = accept(listener.as_ref()) => {
                let Some(stream) = accepted else { continue };
                // A share of connections may be reset by a `down` with a probability.
                let resets = host.with(|state, now| !state.faults.is_empty()
                    && state.faults.draw(now, FaultKind::Down, None, "").is_some());
                if resets {
                    reset(&stream);
                } else {
                    tracker.spawn(serve(stream, router.clone(), connections.clone()));
                }
            }
        }
    }
    tracker.close();
    tracker.wait().await;
}

/// Serves the control API until `stop`.
pub(crate) async fn serve_control(listener: TcpListener, router: Router, stop: CancellationToken) {
    let tracker = TaskTracker::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(Some(&listener)) => {
                if let Some(stream) = accepted {
                    tracker.spawn(serve(stream, router.clone(), stop.clone()));
                }
            }
        }
    }
    tracker.close();
    tracker.wait().await;
}

async fn accept(listener: Option<&TcpListener>) -> Option<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.ok().map(|(stream, _)| stream),
        None => std::future::pending().await,
    }
}

async fn serve(stream: TcpStream, router: Router, broken: CancellationToken) {
    // Without it a stream of small lines waits for acknowledgements; a failure only costs time.
    let _slower = stream.set_nodelay(true);
    let connection = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::select! {
        // An error here is a client that left or a body that broke on purpose.
        _ended = connection => {}
        () = broken.cancelled() => {}
    }
}

/// Closing with no time to linger sends a reset.
fn reset(stream: &TcpStream) {
    let _already_closed = stream.set_zero_linger();
}

async fn rebind(address: SocketAddr, stop: &CancellationToken) -> Option<TcpListener> {
    loop {
        if let Ok(listener) = TcpListener::bind(address).await {
            return Some(listener);
        }
        // Something took the port meanwhile; try until it is free again.
        tokio::select! {
            () = stop.cancelled() => return None,
            () = tokio::time::sleep(std::time::Duration::from_millis(20)) => {}
        }
    }
}
