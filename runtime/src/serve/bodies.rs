//! Bodies of requests: how large one may be, and how many bytes all that are under way may hold.

use std::sync::Arc;

use axum::body::{Body, HttpBody as _};
use axum::http::StatusCode;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::arriving::is_late;
use super::dialect::{Dialect, Refusal};

/// A client whose body is refused may send so many bytes more before it is cut off unheard.
const WASTED_MOST: usize = 1 << 30;
/// Bytes that are counted as one.
const UNIT: usize = 1 << 10;

/// The limits.
#[derive(Debug)]
pub(super) struct Bodies {
    most: usize,
    room: Arc<Semaphore>,
}

/// Room that a body takes, until it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    _room: Option<OwnedSemaphorePermit>,
}

/// Why a body was not read.
#[derive(Debug)]
pub(super) enum Unread {
    /// It is larger than one may be. Bytes.
    TooLarge(usize),
    /// The others that are under way leave no room for it.
    NoRoom,
    /// The client did not send it.
    Broken(axum::Error),
}

impl Unread {
    /// The error for the client.
    pub(super) fn refusal(&self, dialect: Dialect) -> Refusal {
        let (status, message) = match self {
            Self::TooLarge(most) => {
                let words = format!("the request is larger than {} MiB; raise --max-body", most >> 20);
                (StatusCode::PAYLOAD_TOO_LARGE, words)
            }
            Self::NoRoom => {
                let words = "the requests under way hold all the memory they may (--max-bodies); try again";
                (StatusCode::SERVICE_UNAVAILABLE, words.to_owned())
            }
            Self::Broken(error) if is_late(error) => {
                let words = "the rest of the request did not come in time; send it again";
                (StatusCode::REQUEST_TIMEOUT, words.to_owned())
            }
            Self::Broken(error) => (StatusCode::BAD_REQUEST, error.to_string()),
        };
        let retry_after_s = matches!(self, Self::NoRoom).then_some(1);
        Refusal { dialect, status, message, retry_after_s }
    }
}

impl Bodies {
    /// `most` bytes for one, `all` for those under way together.
    pub(super) fn new(most: usize, all: usize) -> Self {
        let units = (all / UNIT).clamp(1, Semaphore::MAX_PERMITS);
        Self { most, room: Arc::new(Semaphore::new(units)) }
    }

    /// Reads a body whole. Room is taken as it comes, so that a client that only says it will send much takes none.
    ///
    /// # Errors
    /// Where it is too large, there is no room, or it breaks off.
    pub(super) async fn read(&self, mut body: Body) -> Result<(Bytes, Held), Unread> {
        let read = self.take(&mut body).await;
        if matches!(read, Err(Unread::TooLarge(_) | Unread::NoRoom)) {
            waste(body, WASTED_MOST).await;
        }
        read
    }

    async fn take(&self, body: &mut Body) -> Result<(Bytes, Held), Unread> {
        if body.size_hint().lower() > self.most as u64 {
            return Err(Unread::TooLarge(self.most));
        }
        let mut whole = BytesMut::new();
        let mut room: Option<OwnedSemaphorePermit> = None;
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(Unread::Broken)?.into_data() else { continue };
            let length = whole.len() + data.len();
            if length > self.most {
                return Err(Unread::TooLarge(self.most));
            }
            let taken = room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
            let wanted = u32::try_from(length.div_ceil(UNIT).saturating_sub(taken)).unwrap_or(u32::MAX);
            if wanted > 0 {
                let more =
                    Arc::clone(&self.room).try_acquire_many_owned(wanted).map_err(|_| Unread::NoRoom)?;
                match &mut room {
                    Some(room) => room.merge(more),
                    None => room = Some(more),
                }
            }
            whole.extend_from_slice(&data);
        }
        Ok((whole.freeze(), Held { _room: room }))
    }
}

/// Drops what a client still sends, up to this many bytes: most read no answer before they have sent all.
pub(super) async fn waste(mut body: Body, most: usize) {
    let mut left = most;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        let Some(rest) = left.checked_sub(length) else { return };
        left = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(length: usize) -> Body {
        Body::from(vec![b'a'; length])
    }

    #[tokio::test]
    async fn one_may_be_so_large_and_all_together_hold_so_much() {
        let bodies = Bodies::new(3 * UNIT, 4 * UNIT);
        assert!(matches!(bodies.read(sent(3 * UNIT + 1)).await, Err(Unread::TooLarge(_))));
        let first = bodies.read(sent(3 * UNIT)).await;
        assert!(first.as_ref().is_ok_and(|(body, _)| body.len() == 3 * UNIT));
        assert!(matches!(bodies.read(sent(2 * UNIT)).await, Err(Unread::NoRoom)));
        assert!(bodies.read(sent(UNIT)).await.is_ok(), "what was refused holds nothing");
        drop(first);
        assert!(bodies.read(sent(2 * UNIT)).await.is_ok());
    }
}
