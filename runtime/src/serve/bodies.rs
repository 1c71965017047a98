//! Bodies of requests: how large one may be, and how many bytes all that are under way may hold.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::http::header::{CONTENT_ENCODING, EXPECT};
use axum::http::{HeaderMap, StatusCode};
use bytes::{Buf as _, Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::arriving::is_late;
use super::dialect::{Dialect, Refusal};

/// A client whose body is refused may send so many bytes more before it is cut off unheard.
const WASTED_MOST: usize = 1 << 30;
/// How long that may take.
const WASTED_FOR: Duration = Duration::from_secs(30);
/// The largest window of a packed body as a power of two: 8 MiB, which RFC 9659 lets HTTP use.
const WINDOW_LOG_MOST: u32 = 23;
/// Bytes that are unpacked before others have their turn.
const UNPACKED_AT_ONCE: usize = 64 << 10;
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

    /// Reads a body whole, and unpacks it where it is packed as Codex does: Ollama knows no other packing. Room is taken as it
    /// comes, so that a client that only says it will send much takes none.
    ///
    /// # Errors
    /// Where it is too large, there is no room, it breaks off, or cannot be unpacked.
    pub(super) async fn read(&self, headers: &HeaderMap, mut body: Body) -> Result<(Bytes, Held), Unread> {
        let is_packed = headers
            .get(CONTENT_ENCODING)
            .is_some_and(|coding| coding.as_bytes().eq_ignore_ascii_case(b"zstd"));
        let mut read = self.take(&mut body).await;
        if let Ok((packed, _held)) = &read
            && is_packed
            && !packed.is_empty()
        {
            read = self.unpack(packed.clone()).await;
        }
        // A client that asks first has sent no body yet.
        if matches!(read, Err(Unread::TooLarge(_) | Unread::NoRoom)) && !headers.contains_key(EXPECT) {
            drop(tokio::time::timeout(WASTED_FOR, waste(body, WASTED_MOST)).await);
        }
        read
    }

    async fn take(&self, body: &mut Body) -> Result<(Bytes, Held), Unread> {
        if body.size_hint().lower() > self.most as u64 {
            return Err(Unread::TooLarge(self.most));
        }
        let mut whole = Whole::default();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(Unread::Broken)?.into_data() else { continue };
            whole.add(self, &data)?;
        }
        Ok(whole.end())
    }

    async fn unpack(&self, packed: Bytes) -> Result<(Bytes, Held), Unread> {
        let broken = |error: std::io::Error| Unread::Broken(axum::Error::new(error));
        let mut decoder = zstd::Decoder::with_buffer(packed.reader()).map_err(broken)?;
        decoder.window_log_max(WINDOW_LOG_MOST).map_err(broken)?;
        let (mut whole, mut part) = (Whole::default(), vec![0; UNPACKED_AT_ONCE]);
        loop {
            let length = decoder.read(&mut part).map_err(broken)?;
            let Some(data) = part.get(..length).filter(|data| !data.is_empty()) else { break };
            whole.add(self, data)?;
            tokio::task::yield_now().await;
        }
        Ok(whole.end())
    }
}

/// What has come of a body, and the room it takes.
#[derive(Default)]
struct Whole {
    bytes: BytesMut,
    room: Option<OwnedSemaphorePermit>,
}

impl Whole {
    fn add(&mut self, bodies: &Bodies, data: &[u8]) -> Result<(), Unread> {
        let length = self.bytes.len() + data.len();
        if length > bodies.most {
            return Err(Unread::TooLarge(bodies.most));
        }
        let taken = self.room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let wanted = u32::try_from(length.div_ceil(UNIT).saturating_sub(taken)).unwrap_or(u32::MAX);
        if wanted > 0 {
            let more = Arc::clone(&bodies.room).try_acquire_many_owned(wanted).map_err(|_| Unread::NoRoom)?;
            match &mut self.room {
                Some(room) => room.merge(more),
                None => self.room = Some(more),
            }
        }
        self.bytes.extend_from_slice(data);
        Ok(())
    }

    fn end(self) -> (Bytes, Held) {
        (self.bytes.freeze(), Held { _room: self.room })
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
        let (bodies, plain) = (Bodies::new(3 * UNIT, 4 * UNIT), HeaderMap::new());
        assert!(matches!(bodies.read(&plain, sent(3 * UNIT + 1)).await, Err(Unread::TooLarge(_))));
        let first = bodies.read(&plain, sent(3 * UNIT)).await;
        assert!(first.as_ref().is_ok_and(|(body, _)| body.len() == 3 * UNIT));
        assert!(matches!(bodies.read(&plain, sent(2 * UNIT)).await, Err(Unread::NoRoom)));
        assert!(bodies.read(&plain, sent(UNIT)).await.is_ok(), "what was refused holds nothing");
        drop(first);
        assert!(bodies.read(&plain, sent(2 * UNIT)).await.is_ok());
    }

    #[tokio::test]
    async fn a_packed_body_counts_by_what_it_unpacks_to_and_its_window_is_bounded() -> std::io::Result<()> {
        let packed = HeaderMap::from_iter([(CONTENT_ENCODING, axum::http::HeaderValue::from_static("ZSTD"))]);
        let bodies = Bodies::new(1 << 20, 4 << 20);
        let small = zstd::encode_all(&b"{}"[..], 0)?;
        let read = bodies.read(&packed, Body::from(small)).await;
        assert!(read.is_ok_and(|(body, _)| *body == *b"{}"));
        let bomb = zstd::encode_all(&vec![0; 2 << 20][..], 0)?;
        assert!(bomb.len() < UNIT);
        assert!(matches!(bodies.read(&packed, Body::from(bomb)).await, Err(Unread::TooLarge(_))));
        assert!(matches!(bodies.read(&packed, sent(UNIT)).await, Err(Unread::Broken(_))), "it is not packed");
        let mut encoder = zstd::Encoder::new(Vec::new(), 0)?;
        encoder.window_log(27)?;
        std::io::Write::write_all(&mut encoder, &vec![0; 1 << 19])?;
        let wide = bodies.read(&packed, Body::from(encoder.finish()?)).await;
        assert!(matches!(wide, Err(Unread::Broken(_))), "a window of 128 MiB");
        assert!(bodies.read(&packed, Body::empty()).await.is_ok());
        Ok(())
    }
}
