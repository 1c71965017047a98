//! When a call tells the dispatcher that its answer goes on.

use crate::event::Event;
use crate::names::{AttemptId, Millis};

/// Milliseconds between two `Progress` events of a call, at the least.
const EVERY_MS: u64 = 250;

/// Counts the pieces of one answer.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    attempt: AttemptId,
    pieces: u32,
    told: Millis,
}

impl Progress {
    /// Of a call that has brought nothing yet.
    pub fn new(attempt: AttemptId) -> Self {
        Self { attempt, pieces: 0, told: Millis(0) }
    }

    /// One more piece has come: what the dispatcher is to know of it.
    pub fn piece(&mut self, now: Millis) -> Option<Event> {
        let attempt = self.attempt;
        self.pieces = self.pieces.saturating_add(1);
        if self.pieces > 1 && now.since(self.told) < EVERY_MS {
            return None;
        }
        self.told = now;
        Some(match self.pieces {
            1 => Event::FirstToken { attempt },
            tokens => Event::Progress { attempt, tokens },
        })
    }

    /// Something of the answer shows that may be no piece of it, such as its frame: counted where nothing has come before.
    pub fn at_least_one(&mut self, now: Millis) -> Option<Event> {
        if self.pieces == 0 { self.piece(now) } else { None }
    }

    /// The event of an answer that goes on after a silence, as far as it had come.
    pub fn again(&self) -> Event {
        Event::Progress { attempt: self.attempt, tokens: self.pieces }
    }
}
