//! Many texts to embed: each part is a job of its own, and their vectors come back as one answer, in order.

use std::time::Instant;

use smart_ai_core::JobId;
use smart_ai_core::wire::{Answer, Ask};
use tokio::task::JoinSet;

use super::message::Message;
use super::{AskOptions, Engine, closed};

/// Parts of one ask under way at a time.
const AT_ONCE: usize = 8;

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

    /// Asks the first part, then the others of the model that answered it. A part that fails ends the rest.
    pub(super) async fn ask(self, mut ask: Ask, lengths: Vec<u32>) -> Answer {
        let began = Instant::now();
        let (engine, part_of) = (&self.engine, Some(self.id));
        let mut texts = ask.messages.take().unwrap_or_default().into_iter();
        let mut parts: Vec<Ask> = Vec::with_capacity(lengths.len());
        for length in lengths {
            let messages = Some(texts.by_ref().take(length as usize).collect());
            parts.push(Ask { messages, ..ask.clone() });
        }
        let mut waiting = parts.into_iter();
        let mut whole = match waiting.next() {
            Some(first) => engine.ask_whole(first, AskOptions::default(), part_of).await.answer,
            None => return engine.ask_whole(ask, AskOptions::default(), part_of).await.answer,
        };
        let model = whole.model.clone();
        let mut waiting = waiting.map(|part| Ask { model: model.clone(), ..part }).enumerate();
        let mut underway = JoinSet::new();
        let mut ended: Vec<(usize, Answer)> = Vec::new();
        while whole.ok && ended.iter().all(|(_, answer)| answer.ok) {
            while underway.len() < AT_ONCE
                && let Some((place, part)) = waiting.next()
            {
                let spent_ms = began.elapsed().as_millis() as u64;
                let deadline_ms = part.deadline_ms.map(|deadline| deadline.saturating_sub(spent_ms).max(1));
                let engine = engine.clone();
                underway.spawn(async move {
                    let part = Ask { deadline_ms, ..part };
                    (place, engine.ask_whole(part, AskOptions::default(), part_of).await.answer)
                });
            }
            match underway.join_next().await {
                Some(Ok(end)) => ended.push(end),
                // A runtime that stops takes the part's task along.
                Some(Err(_)) => ended.push((usize::MAX, Answer::refused(ask.id.clone(), closed()))),
                None => break,
            }
        }
        ended.sort_by_key(|(place, _)| *place);
        for (_, part) in ended {
            add(&mut whole, part);
        }
        whole.ms.total = began.elapsed().as_secs_f64() * 1e3;
        whole
    }
}

impl Drop for Parted {
    fn drop(&mut self) {
        self.engine.send(Message::PartsEnd(self.id));
    }
}

/// Takes in the answer to the next part. The decision, and what it expected, stay the first part's.
fn add(whole: &mut Answer, part: Answer) {
    whole.attempts.extend(part.attempts);
    whole.usage.prompt_tokens = whole.usage.prompt_tokens.saturating_add(part.usage.prompt_tokens);
    whole.ms.load += part.ms.load;
    match part.embeddings {
        Some(vectors) if whole.ok => whole.embeddings.get_or_insert_default().extend(vectors),
        Some(_) => {}
        None => {
            (whole.ok, whole.embeddings, whole.model, whole.host) = (false, None, None, None);
            whole.error = whole.error.take().or(part.error);
        }
    }
}
