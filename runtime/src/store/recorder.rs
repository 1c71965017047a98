//! Watches the driver and passes on what is worth keeping. Never waits: what finds no room is dropped and counted.

use std::sync::{Mutex, MutexGuard, PoisonError};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use smart_ai_core::wire::Ask;
use smart_ai_core::{JobId, Knowledge, LifecycleAction, Subject};
use tokio::sync::{mpsc, watch};

use super::action::Action;
use super::learned::Told;
use super::moment::now_ms;
use super::row::{Ended, Seen};
use crate::driver::{JobEnd, Observer};

/// How the history fares; clones show the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Health {
    /// 1 while rows are being kept.
    pub(crate) up: Gauge,
    /// Rows kept.
    pub(crate) rows: Counter,
    /// Rows lost.
    pub(crate) dropped: Counter,
    /// Rows that wait to be written.
    pub(crate) queue: Gauge,
    /// When rows were last written, in seconds since 1970.
    pub(crate) last_write: Gauge,
}

/// What the driver's task and the writer share.
#[derive(Debug)]
pub(crate) struct Recorder {
    /// What every job of this run of the program is called, before its number.
    run: String,
    prompts: bool,
    rows: mpsc::Sender<Seen>,
    learning: Mutex<Learning>,
    /// Held by who reads what was learned from the store, or writes it there: what is read is then known to be written, or not.
    pub(super) exchange: tokio::sync::Mutex<Exchange>,
    stopped: watch::Sender<bool>,
    health: Health,
}

/// How far what was learned has come on its way to the store.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    /// A writing was begun and did not end: nobody knows which rows include it.
    pub(super) is_half_written: bool,
}

/// What was learned.
#[derive(Debug, Default)]
struct Learning {
    /// What of it came from the store, or is written there.
    base: Knowledge,
    /// All of it, where that was told since it was last taken.
    told: Option<Knowledge>,
    /// How often the store was replaced by an empty one.
    stores: u32,
}

impl Recorder {
    /// `base`: what the dispatcher starts with.
    pub(super) fn new(prompts: bool, rows: mpsc::Sender<Seen>, health: Health, base: Knowledge) -> Self {
        let run = format!("{:x}-{:x}", now_ms(), std::process::id());
        let learning = Mutex::new(Learning { base, told: None, stores: 0 });
        let (exchange, stopped) = (tokio::sync::Mutex::default(), watch::Sender::default());
        Self { run, prompts, rows, learning, exchange, stopped, health }
    }

    fn called(&self, job: JobId) -> String {
        format!("{}-{}", self.run, job.0)
    }

    /// Names this run of the program.
    pub(super) fn run(&self) -> &str {
        &self.run
    }

    /// What was learned since it was last taken.
    pub(super) fn take_learned(&self) -> Option<Told> {
        let mut learning = self.learning();
        learning.told.take().map(|known| Told::new(known, learning.base.clone()))
    }

    /// This has been written, as far as it says.
    pub(super) fn kept(&self, told: &Told) {
        let mut written = told.knowledge.clone();
        written.retain(|subject| told.written.contains(subject));
        let mut learning = self.learning();
        learning.base.unite(&told.base, &written);
        // What the dispatcher has forgotten it learns anew.
        let is_gone =
            |subject: &Subject| told.base.get(subject).is_some() && told.knowledge.get(subject).is_none();
        learning.base.retain(|subject| !is_gone(subject));
    }

    /// The store is another one, and empty: all that is known is written anew.
    pub(super) fn begin_store(&self) {
        let mut learning = self.learning();
        learning.base = Knowledge::default();
        learning.stores += 1;
    }

    /// How often the store was replaced by an empty one.
    pub(super) fn stores(&self) -> u32 {
        self.learning().stores
    }

    /// What of the dispatcher's knowledge came from the store, or is written there.
    pub(super) fn base(&self) -> Knowledge {
        self.learning().base.clone()
    }

    fn send(&self, seen: Seen) {
        match self.rows.try_send(seen) {
            Ok(()) => drop(self.health.queue.inc()),
            Err(_) => drop(self.health.dropped.inc()),
        }
    }

    fn learning(&self) -> MutexGuard<'_, Learning> {
        self.learning.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Turns true when nothing more will come.
    pub(super) fn stopped(&self) -> watch::Receiver<bool> {
        self.stopped.subscribe()
    }
}

impl Observer for Recorder {
    fn ended(&self, end: &JobEnd<'_>) {
        let row = Ended {
            job: self.called(end.job),
            at_ms: now_ms().saturating_sub(end.outcome.ms.total.max(0.0) as u64),
            request: end.request.clone(),
            outcome: end.outcome.clone(),
            error: end.error.cloned(),
            decision: end.decision.cloned(),
            prompt: end.texts.ask.filter(|_| self.prompts).and_then(prompt),
            text: end.texts.answer.filter(|_| self.prompts).map(str::to_owned),
        };
        self.send(Seen::Job(Box::new(row)));
    }

    fn acted(&self, action: &LifecycleAction) {
        let name = format!("{}-a{}", self.run, action.number);
        let at_ms = now_ms().saturating_sub(action.ms.max(0.0) as u64);
        self.send(Seen::Action(Action::of(action, name, at_ms)));
    }

    fn name(&self, job: JobId) -> Option<String> {
        Some(self.called(job))
    }

    fn learned(&self, known: &Knowledge) {
        self.learning().told = Some(known.clone());
    }

    fn absorbed(&self, base: &Knowledge, theirs: &Knowledge, known: &Knowledge) {
        let mut learning = self.learning();
        learning.base.unite(base, theirs);
        learning.told = Some(known.clone());
    }

    fn stopped(&self, known: &Knowledge) {
        self.learned(known);
        self.stopped.send_replace(true);
    }
}

/// What was asked: the prompt, or the conversation as JSON.
fn prompt(ask: &Ask) -> Option<String> {
    let conversation = || ask.messages.as_ref().and_then(|messages| serde_json::to_string(messages).ok());
    ask.prompt.clone().or_else(conversation)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use smart_ai_core::{Outcome, Request, Task};

    use super::*;
    use crate::driver::Texts;

    #[test]
    fn what_finds_no_room_is_dropped_and_counted() {
        let (sender, mut rows) = mpsc::channel(1);
        let health = Health::default();
        let recorder = Recorder::new(false, sender, health.clone(), Knowledge::default());
        let (request, outcome) = (Request::new(Task::Chat, 10), Outcome::default());
        for number in 0..3 {
            recorder.ended(&JobEnd {
                job: JobId(number),
                submitted_at: Duration::ZERO,
                ended_at: Duration::ZERO,
                request: &request,
                outcome: &outcome,
                error: None,
                decision: None,
                texts: Texts { ask: None, answer: Some("a secret") },
                calls: &[],
                traceparent: None,
            });
        }
        assert_eq!((health.queue.get(), health.dropped.get()), (1, 2));
        assert!(
            matches!(rows.try_recv(), Ok(Seen::Job(row)) if row.text.is_none()),
            "an answer is kept, though nobody asked for it"
        );
    }
}
