//! The task that owns the dispatcher: messages in, effects carried out.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use smart_ai_core::wire::{Answer, Ask, Fleet, host_state, metrics_query, model_state, signals_state};
use smart_ai_core::{
    AttemptId, ConfigError, Decision, DispatchError, Dispatcher, Effect, Event, HostId, JobId, Millis,
    Outcome, Request, Snapshot, Source,
};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use super::call::{Reporter, body, call};
use crate::http::{Server, look};

/// A dry run waits this long for hosts nobody has looked at yet.
const SETTLE_MS: u64 = 3_000;

/// What reaches the task.
#[derive(Debug)]
pub(super) enum Message {
    Ask {
        job: JobId,
        ask: Box<Ask>,
        request: Request,
        pieces: Option<mpsc::UnboundedSender<String>>,
        reply: oneshot::Sender<Answer>,
    },
    Decide {
        request: Request,
        reply: oneshot::Sender<Decision>,
    },
    Refusal {
        request: Request,
        decision: Box<Decision>,
        reply: oneshot::Sender<Option<DispatchError>>,
    },
    Snapshot(oneshot::Sender<Snapshot>),
    Event(Event),
    Text {
        attempt: AttemptId,
        text: String,
    },
    Embeddings {
        attempt: AttemptId,
        embeddings: Vec<Vec<f64>>,
    },
    Close,
}

/// A job whose caller waits.
struct Waiting {
    ask: Ask,
    pieces: Option<mpsc::UnboundedSender<String>>,
    reply: oneshot::Sender<Answer>,
}

/// A call under way and what it has brought.
struct Underway {
    job: JobId,
    text: String,
    embeddings: Option<Vec<Vec<f64>>>,
    task: AbortHandle,
}

/// A question that waits for the fleet to be known.
enum Question {
    Decide(Request, oneshot::Sender<Decision>),
    Snapshot(oneshot::Sender<Snapshot>),
}

pub(super) struct Task {
    dispatcher: Dispatcher,
    hosts: BTreeMap<HostId, Server>,
    prometheus: Option<Server>,
    messages: mpsc::WeakUnboundedSender<Message>,
    inbox: mpsc::UnboundedReceiver<Message>,
    jobs: BTreeMap<JobId, Waiting>,
    calls: BTreeMap<AttemptId, Underway>,
    questions: Vec<Question>,
    settle_by: Millis,
}

impl Task {
    pub(super) fn new(
        fleet: &Fleet,
        messages: mpsc::WeakUnboundedSender<Message>,
        inbox: mpsc::UnboundedReceiver<Message>,
    ) -> Result<Self, ConfigError> {
        let connect_ms = fleet.config.connect_timeout_ms;
        let mut hosts = BTreeMap::new();
        for endpoint in &fleet.hosts {
            hosts.insert(endpoint.id.clone(), Server::new(endpoint, connect_ms)?);
        }
        let prometheus =
            fleet.prometheus.as_ref().map(|endpoint| Server::new(endpoint, connect_ms)).transpose()?;
        Ok(Self {
            dispatcher: Dispatcher::new(fleet.config.clone(), 0)?,
            hosts,
            prometheus,
            messages,
            inbox,
            jobs: BTreeMap::new(),
            calls: BTreeMap::new(),
            questions: Vec::new(),
            settle_by: now().plus(SETTLE_MS),
        })
    }

    pub(super) async fn run(mut self) {
        self.handle(Event::Tick);
        loop {
            let wake = self.wake_in();
            tokio::select! {
                message = self.inbox.recv() => match message {
                    Some(Message::Close) | None => break,
                    Some(message) => self.take(message),
                },
                () = sleep(wake) => self.handle(Event::Tick),
            }
            self.answer_questions();
        }
        for call in self.calls.values() {
            call.task.abort();
        }
    }

    fn wake_in(&self) -> Option<Duration> {
        let settle = (!self.questions.is_empty()).then_some(self.settle_by);
        let at = self.dispatcher.poll_timeout().into_iter().chain(settle).min()?;
        Some(Duration::from_millis(at.since(now())))
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Ask { job, ask, request, pieces, reply } => {
                self.jobs.insert(job, Waiting { ask: *ask, pieces, reply });
                self.handle(Event::Submit { job, request });
            }
            Message::Decide { request, reply } => self.questions.push(Question::Decide(request, reply)),
            Message::Snapshot(reply) => self.questions.push(Question::Snapshot(reply)),
            Message::Refusal { request, decision, reply } => {
                drop(reply.send(self.dispatcher.refusal(&request, &decision)));
            }
            Message::Event(event) => self.handle(event),
            Message::Text { attempt, text } => self.take_text(attempt, text),
            Message::Embeddings { attempt, embeddings } => {
                if let Some(call) = self.calls.get_mut(&attempt) {
                    call.embeddings = Some(embeddings);
                }
            }
            Message::Close => {}
        }
    }

    fn take_text(&mut self, attempt: AttemptId, text: String) {
        let Some(call) = self.calls.get_mut(&attempt) else { return };
        call.text.push_str(&text);
        if let Some(pieces) = self.jobs.get(&call.job).and_then(|job| job.pieces.as_ref()) {
            // A caller that stopped listening still gets the whole answer in the end.
            drop(pieces.send(text));
        }
    }

    fn answer_questions(&mut self) {
        if self.questions.is_empty() || !(self.dispatcher.is_settled() || now() >= self.settle_by) {
            return;
        }
        for question in std::mem::take(&mut self.questions) {
            match question {
                Question::Decide(request, reply) => drop(reply.send(self.dispatcher.decide(now(), &request))),
                Question::Snapshot(reply) => drop(reply.send(self.dispatcher.snapshot())),
            }
        }
    }

    fn handle(&mut self, event: Event) {
        let ended = match &event {
            Event::Succeeded { attempt, .. } | Event::Failed { attempt, .. } => Some(*attempt),
            Event::Submit { .. }
            | Event::Announce { .. }
            | Event::Started { .. }
            | Event::FirstToken { .. }
            | Event::Progress { .. }
            | Event::Cancel { .. }
            | Event::HostState { .. }
            | Event::ModelState { .. }
            | Event::Signals { .. }
            | Event::Tick => None,
        };
        self.dispatcher.handle(now(), event);
        while let Some(effect) = self.dispatcher.poll_effect() {
            self.carry_out(effect);
        }
        if let Some(attempt) = ended {
            self.calls.remove(&attempt);
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Call { job, attempt, host, model, options } => {
                let (Some(waiting), Some(server)) = (self.jobs.get(&job), self.hosts.get(&host)) else {
                    return;
                };
                let (path, body) = body(&waiting.ask, model.as_str(), &options);
                let report = Reporter { attempt, messages: self.messages.clone() };
                let task = tokio::spawn(call(server.clone(), path, body, report)).abort_handle();
                self.calls.insert(attempt, Underway { job, text: String::new(), embeddings: None, task });
            }
            Effect::Abort { attempt } => {
                if let Some(call) = self.calls.remove(&attempt) {
                    call.task.abort();
                }
            }
            Effect::Resolve { job, outcome } => self.end(job, None, outcome),
            Effect::Reject { job, error, outcome } => self.end(job, Some(error), outcome),
            Effect::Refresh { source } => self.refresh(source),
        }
    }

    fn end(&mut self, id: JobId, error: Option<DispatchError>, outcome: Outcome) {
        let Some(Waiting { ask, reply, .. }) = self.jobs.remove(&id) else { return };
        let decision = self.dispatcher.decision(id).cloned();
        let call = outcome.attempt.and_then(|attempt| self.calls.get_mut(&attempt));
        let (text, embeddings) =
            call.map(|call| (std::mem::take(&mut call.text), call.embeddings.take())).unwrap_or_default();
        let answer = match error {
            None => Answer::resolved(ask.id, text, embeddings, outcome, decision),
            Some(error) => Answer::rejected(ask.id, text, error, outcome, decision),
        };
        // A caller that is gone needs no answer.
        drop(reply.send(answer));
    }

    fn refresh(&self, source: Source) {
        let messages = self.messages.clone();
        let send = move |event: Event| {
            if let Some(messages) = messages.upgrade() {
                drop(messages.send(Message::Event(event)));
            }
        };
        match source {
            Source::Host { host } => {
                let Some(server) = self.hosts.get(&host).cloned() else { return };
                tokio::spawn(async move {
                    let (version, tags, resident) = tokio::join!(
                        look(server.get("/api/version")),
                        look(server.get("/api/tags")),
                        look(server.get("/api/ps")),
                    );
                    send(Event::HostState { host, state: host_state(&version, &tags, &resident) });
                });
            }
            Source::Model { host, model } => {
                let Some(server) = self.hosts.get(&host).cloned() else { return };
                tokio::spawn(async move {
                    let body = serde_json::json!({ "model": model }).to_string();
                    let show = look(server.post("/api/show", body)).await;
                    send(Event::ModelState { host, model, state: model_state(&show) });
                });
            }
            Source::Signals => {
                let Some(server) = self.prometheus.clone() else { return };
                tokio::spawn(async move {
                    let reply = look(server.post_form("/api/v1/query", &[("query", &metrics_query())])).await;
                    send(Event::Signals { state: signals_state(&reply) });
                });
            }
        }
    }
}

async fn sleep(duration: Option<Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}

fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(u64::try_from(since.as_millis()).unwrap_or(0))
}
