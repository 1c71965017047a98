//! The driver: one task that owns the dispatcher, and the handle others hold.

mod call;
mod clock;
mod effects;
mod ledger;
mod looks;
mod message;
mod observer;
mod parts;
mod passing;
mod relay;
mod renewals;
mod schema;
mod task;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use smart_ai_core::wire::{Answer, Ask, Fleet, FleetConfig, Parts, feedback_event, prepare_event};
use smart_ai_core::{
    Arm, ConfigError, Decision, DispatchError, DispatchErrorCode, Dispatcher, Event, JobId, Knowledge,
    LifecycleReport, Prepared, Request, Snapshot,
};
use tokio::sync::{mpsc, oneshot};

use clock::{now, since_1970};
pub(crate) use looks::exchanged;
use message::Message;
#[cfg(test)]
pub(crate) use observer::Texts;
pub(crate) use observer::{Call, JobEnd, Looks, MadeCall, Observer, Observers};
use parts::Parted;
pub(crate) use relay::{Part, Read, Reader, Relay, RelayEnd};
use task::Task;

/// How long the engine's task may take to answer a message before it counts as stuck. It never waits while it takes one.
const ECHO_WITHIN: Duration = Duration::from_secs(2);

/// A dispatcher at work. Clones share it; it stops when `close` is called or the last clone is gone.
#[derive(Clone, Debug)]
pub struct Engine {
    messages: mpsc::UnboundedSender<Message>,
    last_job: Arc<AtomicU64>,
}

/// An answer, and what the history calls its job: `smart-ai rate` takes that name.
#[derive(Debug, Serialize)]
pub struct KeptAnswer {
    /// The answer.
    #[serde(flatten)]
    pub answer: Answer,
    /// Absent where no history is kept, where it was no job, and where it was many: an ask answered in parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
}

impl From<Answer> for KeptAnswer {
    /// An answer without a job.
    fn from(answer: Answer) -> Self {
        Self { answer, job: None }
    }
}

/// How one ask is to be answered.
#[derive(Debug, Default)]
pub struct AskOptions {
    /// Receives the answer piece by piece. Once a piece is out, a broken answer is not repeated elsewhere.
    pub pieces: Option<mpsc::UnboundedSender<String>>,
}

impl Engine {
    /// Starts the driver's task on the current tokio runtime.
    ///
    /// # Errors
    /// The first key of the configuration that is not right.
    pub fn start(config: &FleetConfig) -> Result<Self, ConfigError> {
        Self::observed(config, Observers::default(), &Knowledge::default())
    }

    /// Starts an engine that goes on from the snapshot of an earlier one.
    ///
    /// # Errors
    /// As [`Engine::start`], and a snapshot of another version.
    pub fn restored(config: &FleetConfig, snapshot: &Snapshot) -> Result<Self, ConfigError> {
        let fleet = config.split()?;
        let dispatcher = Dispatcher::restore(fleet.config.clone(), 0, snapshot)?;
        Self::driving(&fleet, dispatcher, Observers::default())
    }

    /// Starts an engine that tells these observers, and knows what an earlier one learned.
    pub(crate) fn observed(
        config: &FleetConfig,
        observers: Observers,
        learned: &Knowledge,
    ) -> Result<Self, ConfigError> {
        let fleet = config.split()?;
        let mut dispatcher = Dispatcher::new(fleet.config.clone(), 0)?;
        dispatcher.absorb(&Knowledge::default(), learned);
        Self::driving(&fleet, dispatcher, observers)
    }

    fn driving(fleet: &Fleet, dispatcher: Dispatcher, observers: Observers) -> Result<Self, ConfigError> {
        let (messages, inbox) = mpsc::unbounded_channel();
        let task = Task::new(fleet, dispatcher, messages.downgrade(), inbox, observers)?;
        tokio::spawn(task.run());
        Ok(Self { messages, last_job: Arc::default() })
    }

    /// Answers one ask, which is queued when this returns. A failing job is an answer with an error; dropping the future
    /// cancels the job.
    pub fn ask(&self, ask: Ask, options: AskOptions) -> impl Future<Output = Answer> + use<> {
        let asked = self.ask_kept(ask, options);
        async { asked.await.answer }
    }

    /// Answers one ask as [`Engine::ask`] does; the answer comes with the name that the history has for its job.
    pub fn ask_kept(&self, mut ask: Ask, options: AskOptions) -> impl Future<Output = KeptAnswer> + use<> {
        let asked: Pin<Box<dyn Future<Output = KeptAnswer> + Send>> = match Parts::of(now(), &mut ask) {
            Some(parts) => {
                let answer = Parted::begin(self).ask(parts);
                Box::pin(async { answer.await.unwrap_or_else(|| Answer::refused(ask.id, closed())).into() })
            }
            None => Box::pin(self.ask_whole(ask, options, None)),
        };
        asked
    }

    /// `part_of`: the ask of many texts that this is a part of.
    fn ask_whole(
        &self,
        ask: Ask,
        options: AskOptions,
        part_of: Option<JobId>,
    ) -> impl Future<Output = KeptAnswer> + use<> {
        let (id, job) = (ask.id.clone(), self.next_job());
        let asked = ask.request().map(|mut request| {
            request.streaming = options.pieces.is_some();
            let (reply, answer) = oneshot::channel();
            let pieces = options.pieces;
            self.send(Message::Ask { job, part_of, ask: Arc::new(ask), request, pieces, reply });
            (Caller { engine: self.clone(), job, waits: true }, answer)
        });
        async {
            match asked {
                Ok((mut caller, answer)) => {
                    let answer = answer.await;
                    caller.waits = false;
                    answer.unwrap_or_else(|_| Answer::refused(id, closed()).into())
                }
                Err(error) => Answer::refused(id, error).into(),
            }
        }
    }

    /// Passes a request on to the arm that suits it. Dropping the ticket cancels it.
    pub(crate) fn relay(&self, relay: Relay, request: Request) -> Ticket {
        let (reply, end) = oneshot::channel();
        let job = self.next_job();
        self.send(Message::Relay { job, relay: Arc::new(relay), request, reply });
        Ticket { engine: self.clone(), job, end, waits: true }
    }

    /// Has a model in memory before it is asked: now, or by the time that the wish names. In the shape of
    /// [`Prepare`](smart_ai_core::wire::Prepare).
    ///
    /// # Errors
    /// A wish that makes no sense, or an engine that is closed.
    pub fn prepare(&self, wish: Value) -> impl Future<Output = Result<Prepared, DispatchError>> + use<> {
        let job = self.next_job();
        let asked = prepare_event(job, wish, since_1970().as_millis() as u64)
            .map(|event| self.question(move |reply| Message::Prepare { job, event, reply }));
        async { asked?.await.ok_or_else(closed) }
    }

    /// Which models come and go by themselves, why, and what that has saved.
    ///
    /// # Errors
    /// The engine is closed.
    pub async fn lifecycle(&self) -> Result<LifecycleReport, DispatchError> {
        self.question(Message::Lifecycle).await.ok_or_else(closed)
    }

    /// Does now what the lifecycle has due, in every mode.
    pub(crate) fn apply_lifecycle(&self) {
        self.send(Message::Event(Event::Apply));
    }

    /// Another program acts on this fleet, or none does any more.
    pub(crate) fn stand_by(&self, holder: Option<String>) {
        self.send(Message::Event(Event::StandBy { holder }));
    }

    /// Looks at every host and at the metrics now.
    pub(crate) fn look(&self) {
        self.send(Message::Look);
    }

    fn next_job(&self) -> JobId {
        JobId(self.last_job.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// What would be done with this ask now, without doing it.
    ///
    /// # Errors
    /// An ask that makes no sense.
    pub async fn decide(&self, ask: &Ask) -> Result<Decision, DispatchError> {
        let request = ask.request()?;
        self.question(|reply| Message::Decide { request, reply }).await.ok_or_else(closed)
    }

    /// Says how good an answer was; later choices heed it. In the shape of [`Feedback`](smart_ai_core::wire::Feedback).
    ///
    /// # Errors
    /// Feedback that makes no sense.
    pub fn feedback(&self, feedback: Value) -> Result<(), DispatchError> {
        self.send(Message::Event(feedback_event(feedback)?));
        Ok(())
    }

    /// Adds to what is known what `theirs` learned since `base`.
    pub(crate) fn absorb(&self, base: Knowledge, theirs: Knowledge) {
        self.send(Message::Absorb { base: Box::new(base), theirs: Box::new(theirs) });
    }

    /// What is believed about the fleet, once it is known, or as long as a dry run waits.
    ///
    /// # Errors
    /// The engine is closed.
    pub async fn snapshot(&self) -> Result<Snapshot, DispatchError> {
        self.question(|reply| Message::Snapshot { within: None, reply }).await.ok_or_else(closed)
    }

    /// What is believed about the fleet, once every look has ended, or after the time given.
    ///
    /// # Errors
    /// The engine is closed.
    pub(crate) async fn settled(&self, within: Duration) -> Result<Snapshot, DispatchError> {
        self.question(|reply| Message::Snapshot { within: Some(within), reply }).await.ok_or_else(closed)
    }

    /// The error of a request for which a decision found no arm.
    ///
    /// # Errors
    /// An ask that makes no sense.
    pub async fn refusal(
        &self,
        ask: &Ask,
        decision: Decision,
    ) -> Result<Option<DispatchError>, DispatchError> {
        let request: Request = ask.request()?;
        self.question(|reply| Message::Refusal { request, decision: Box::new(decision), reply })
            .await
            .ok_or_else(closed)
    }

    /// Takes no more asks, lets every job under way end, then stops the task. Ends when all have.
    pub fn drain(&self) -> impl Future<Output = ()> + use<> {
        let drained = self.question(Message::Drain);
        async {
            // A task that is gone has nothing under way.
            drained.await.unwrap_or_default();
        }
    }

    /// The arms whose model goes on loading although its job has left.
    pub(crate) async fn loading(&self) -> Vec<Arm> {
        self.question(Message::Loading).await.unwrap_or_default()
    }

    /// Ends when no call is under way.
    pub(crate) async fn loaded(&self) {
        // A task that is gone has no call.
        self.question(Message::Loaded).await.unwrap_or_default();
    }

    /// Whether the engine's task takes messages: not where it is stuck or has ended.
    pub(crate) async fn answers(&self) -> bool {
        let asked = self.question(Message::Echo);
        tokio::time::timeout(ECHO_WITHIN, asked).await.is_ok_and(|echo| echo.is_some())
    }

    /// Cancels every job and stops the task.
    pub fn close(&self) {
        self.send(Message::Close);
    }

    /// Whether the task has ended: nothing is answered any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.messages.is_closed()
    }

    fn send(&self, message: Message) {
        // A closed engine drops the message and with it the reply: the caller hears of it there.
        drop(self.messages.send(message));
    }

    fn question<T, M: FnOnce(oneshot::Sender<T>) -> Message>(
        &self,
        message: M,
    ) -> impl Future<Output = Option<T>> + use<T, M> {
        let (reply, answer) = oneshot::channel();
        self.send(message(reply));
        async { answer.await.ok() }
    }
}

/// A caller that waits for a job's answer. If it is dropped before the answer has come, the job is cancelled.
struct Caller {
    engine: Engine,
    job: JobId,
    waits: bool,
}

impl Drop for Caller {
    fn drop(&mut self) {
        if self.waits {
            self.engine.send(Message::Event(Event::Cancel { job: self.job }));
        }
    }
}

/// A relayed job: its client's claim on how it ends.
#[derive(Debug)]
pub(crate) struct Ticket {
    engine: Engine,
    job: JobId,
    end: oneshot::Receiver<RelayEnd>,
    waits: bool,
}

impl Ticket {
    /// How the job ended; `None` where the engine closed before.
    pub(crate) async fn ended(&mut self) -> Option<RelayEnd> {
        std::future::poll_fn(|context| self.poll_ended(context)).await
    }

    /// The client leaves: how the job ended, which may have been before.
    pub(crate) async fn left(mut self) -> Option<RelayEnd> {
        self.engine.send(Message::Event(Event::Cancel { job: self.job }));
        self.ended().await
    }

    /// Polls for how the job ended; `None` where the engine closed before.
    pub(crate) fn poll_ended(&mut self, context: &mut Context<'_>) -> Poll<Option<RelayEnd>> {
        let end = ready!(Pin::new(&mut self.end).poll(context));
        self.waits = false;
        Poll::Ready(end.ok())
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.waits {
            self.engine.send(Message::Event(Event::Cancel { job: self.job }));
        }
    }
}

pub(crate) fn closed() -> DispatchError {
    DispatchError::new(DispatchErrorCode::Cancelled, "the engine is closed", "create a new one")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_engine_answers_unless_it_is_stuck_or_has_ended() -> Result<(), ConfigError> {
        let hosts = json!({ "hosts": [{ "url": "http://127.0.0.1:9" }] });
        let engine = Engine::start(&FleetConfig::from_json(&hosts.to_string())?)?;
        assert!(engine.answers().await);
        engine.close();
        assert!(!engine.answers().await, "it has ended");
        let (messages, inbox) = mpsc::unbounded_channel();
        let stuck = Engine { messages, last_job: Arc::default() };
        assert!(!stuck.answers().await, "nobody takes its messages");
        drop(inbox);
        Ok(())
    }
}
