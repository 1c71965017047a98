//! A request's body on its way in: a client that stops sending is not waited for.

use std::io::{Error, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use axum::middleware::Next;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// How long a client may send nothing while its request is not whole.
const QUIET_MOST: Duration = Duration::from_secs(60);
/// How long a client may send nothing while the server stops.
const QUIET_AT_END: Duration = Duration::from_secs(2);

/// Reads every request's body with these limits.
pub(super) async fn limited(
    State(stopping): State<CancellationToken>,
    request: Request,
    next: Next,
) -> Response<Body> {
    next.run(request.map(|body| Body::new(Arriving::new(body, stopping)))).await
}

/// Whether a body could not be read because its client stopped sending.
pub(super) fn is_late(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if current.downcast_ref::<Error>().is_some_and(|error| error.kind() == ErrorKind::TimedOut) {
            return true;
        }
        cause = current.source();
    }
    false
}

struct Arriving {
    body: Body,
    quiet: Pin<Box<Sleep>>,
    /// `None` once the server stops.
    stop: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl Arriving {
    fn new(body: Body, stopping: CancellationToken) -> Self {
        let stop = Some(Box::pin(stopping.cancelled_owned()));
        Self { body, quiet: Box::pin(sleep(QUIET_MOST)), stop }
    }

    fn may_be_quiet(&self) -> Duration {
        if self.stop.is_some() { QUIET_MOST } else { QUIET_AT_END }
    }
}

impl http_body::Body for Arriving {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            let until = Instant::now() + self.may_be_quiet();
            self.quiet.as_mut().reset(until);
            return Poll::Ready(frame.map(|frame| frame.map_err(BoxError::from)));
        }
        if self.stop.as_mut().is_some_and(|stop| stop.as_mut().poll(context).is_ready()) {
            self.stop = None;
            self.quiet.as_mut().reset(Instant::now() + QUIET_AT_END);
        }
        let late = Error::new(ErrorKind::TimedOut, "the client stopped sending");
        self.quiet.as_mut().poll(context).map(|()| Some(Err(BoxError::from(late))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
