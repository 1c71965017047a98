//! Many texts to embed: carries out what core says of the parts of one ask, each a job of its own.

use smart_ai_core::JobId;
use smart_ai_core::wire::{Answer, Parts};
use tokio::task::JoinSet;

use super::clock::now;
use super::message::Message;
use super::{AskOptions, Engine};

/// An ask of many parts, for which an engine that drains waits.
pub(super) struct Parted {
    engine: Engine,
    id: JobId,
}

impl Parted {
    pub(super) fn begin(engine: &Engine) -> Self {
        let id = engine.next_job();
        engine.send(Message::PartsBegin(id));
        Self { engine: engine.clone(), id }
    }

    /// Asks part after part; dropping the future cancels those under way. `None`: the runtime stops.
    pub(super) async fn ask(self, mut parts: Parts) -> Option<Answer> {
        let mut underway = JoinSet::new();
        loop {
            while let Some(part) = parts.next(now()) {
                let asked = self.engine.ask_whole(part.ask, AskOptions::default(), Some(self.id));
                underway.spawn(async move { (part.place, asked.await.answer) });
            }
            let (place, answer) = underway.join_next().await?.ok()?;
            let whole = parts.ended(now(), place, answer);
            if whole.is_some() {
                return whole;
            }
        }
    }
}

impl Drop for Parted {
    fn drop(&mut self) {
        self.engine.send(Message::PartsEnd(self.id));
    }
}
