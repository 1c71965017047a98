//! The task that owns the dispatcher: messages in, effects carried out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use smart_ai_core::wire::{Answer, Exchanges, Fleet};
use smart_ai_core::{
    AttemptId, ConfigError, Dispatcher, Event, FailureKind, HostId, JobId, LifecycleMode, Millis, Prepared,
    Request,
};
use tokio::sync::{mpsc, oneshot};

use super::clock::{now, since_1970};
use super::closed;
use super::ledger::{Asked, Caller, Question, Underway, Waiting};
use super::message::Message;
use super::observer::Observers;
use super::renewals::Renewals;
use crate::http::Server;
use crate::power::{Powers, powers};

/// How often observers are told what has been learned.
const LEARNED_EVERY: Duration = Duration::from_secs(10);

/// The owner of the dispatcher.
pub(super) struct Task {
    pub(super) dispatcher: Dispatcher,
    pub(super) hosts: BTreeMap<HostId, Server>,
    pub(super) prometheus: Option<Server>,
    pub(super) exchanges: Exchanges,
    pub(super) messages: mpsc::WeakUnboundedSender<Message>,
    /// By what means hosts are started and stopped.
    pub(super) powers: Powers,
    pub(super) renewals: Renewals,
    inbox: mpsc::UnboundedReceiver<Message>,
    pub(super) jobs: BTreeMap<JobId, Waiting>,
    /// Asks of many parts under way.
    parted: BTreeSet<JobId>,
    pub(super) calls: BTreeMap<AttemptId, Underway>,
    /// Who waits for a model to be in memory.
    pub(super) prepares: BTreeMap<JobId, oneshot::Sender<Prepared>>,
    questions: Vec<Question>,
    pub(super) observers: Observers,
    /// When what has been learned was last told.
    told: Instant,
    /// Whether a job has ended since.
    pub(super) has_learned: bool,
    /// Who waits for the last job to end; nobody while asks are taken.
    drained: Vec<oneshot::Sender<()>>,
    /// Who waits for the last call to end.
    loaded: Vec<oneshot::Sender<()>>,
}

impl Task {
    pub(super) fn new(
        fleet: &Fleet,
        dispatcher: Dispatcher,
        messages: mpsc::WeakUnboundedSender<Message>,
        inbox: mpsc::UnboundedReceiver<Message>,
        observers: Observers,
    ) -> Result<Self, ConfigError> {
        let connect_ms = fleet.config.connect_timeout_ms;
        let mut hosts = BTreeMap::new();
        for endpoint in &fleet.hosts {
            hosts.insert(endpoint.id.clone(), Server::new(endpoint, connect_ms)?);
        }
        let prometheus =
            fleet.prometheus.as_ref().map(|endpoint| Server::new(endpoint, connect_ms)).transpose()?;
        let powers = powers(fleet)?;
        // Nothing is started or kept awake in a dry run, or where this is off.
        let acts = fleet.config.lifecycle.mode == LifecycleMode::On;
        Ok(Self {
            dispatcher,
            hosts,
            prometheus,
            exchanges: Exchanges::default(),
            messages,
            powers: if acts { powers } else { Powers::new() },
            renewals: Renewals::default(),
            inbox,
            jobs: BTreeMap::new(),
            parted: BTreeSet::new(),
            calls: BTreeMap::new(),
            prepares: BTreeMap::new(),
            questions: Vec::new(),
            observers,
            told: Instant::now(),
            has_learned: false,
            drained: Vec::new(),
            loaded: Vec::new(),
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
            self.tell_learned();
            self.renew();
            if self.calls.is_empty() {
                // Who waits hears of it by the end of the line.
                self.loaded.clear();
            }
            if !self.drained.is_empty() && self.jobs.is_empty() && self.parted.is_empty() {
                break;
            }
        }
        for call in self.calls.values() {
            call.task.abort();
        }
        if !self.observers.is_empty() {
            self.observers.stopped(&self.dispatcher.knowledge());
        }
    }

    /// Tells observers what has been learned, every ten seconds at most; looks at hosts wake the task soon after the last job.
    fn tell_learned(&mut self) {
        if self.has_learned && !self.observers.is_empty() && self.told.elapsed() >= LEARNED_EVERY {
            (self.told, self.has_learned) = (Instant::now(), false);
            self.observers.learned(&self.dispatcher.knowledge());
        }
    }

    fn wake_in(&self) -> Option<Duration> {
        let settle = self.dispatcher.settles_by();
        let questions = self.questions.iter().filter_map(|question| question.by.or(settle));
        let at = self.dispatcher.poll_timeout().into_iter().chain(questions).min();
        let wake = at.map(|at| Duration::from_millis(at.since(now())));
        let renewals = self
            .powers
            .iter()
            .filter_map(|(id, power)| self.renewals.ready_due_in(id, power.renew_every()?, Instant::now()));
        wake.into_iter().chain(renewals).min()
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Ask { ask, part_of, reply, .. }
                if !self.drained.is_empty() && part_of.is_none_or(|id| !self.parted.contains(&id)) =>
            {
                drop(reply.send(Answer::refused(ask.id.clone(), closed()).into()));
            }
            // Its client hears that the engine is closed.
            Message::Relay { .. } if !self.drained.is_empty() => {}
            Message::PartsBegin(id) => {
                if self.drained.is_empty() {
                    self.parted.insert(id);
                }
            }
            Message::PartsEnd(id) => drop(self.parted.remove(&id)),
            Message::Ask { job, ask, request, pieces, reply, .. } => {
                self.submit(job, request, Caller::Ask { ask, pieces, reply });
            }
            Message::Relay { job, relay, request, reply } => {
                self.submit(job, request, Caller::Relay { relay, refusal: None, reply });
            }
            Message::Prepare { job, event, reply } => {
                self.prepares.insert(job, reply);
                self.handle(event);
            }
            Message::Refused { attempt, refusal: last } => {
                let job = self.calls.get(&attempt).and_then(|call| self.jobs.get_mut(&call.job));
                if let Some(Caller::Relay { refusal, .. }) = job.map(|job| &mut job.caller) {
                    *refusal = Some(last);
                }
            }
            Message::Lifecycle(reply) => drop(reply.send(self.dispatcher.lifecycle(now()))),
            // Whoever no longer waits has given it up.
            Message::Echo(reply) => drop(reply.send(())),
            Message::Absorb { base, theirs } => {
                self.dispatcher.absorb(&base, &theirs);
                self.observers.absorbed(&base, &theirs, &self.dispatcher.knowledge());
            }
            Message::Look => self.handle(Event::Look),
            Message::Decide { request, reply } => {
                self.ask_when_known(None, Asked::Decide(Box::new(request), reply));
            }
            Message::Snapshot { within, reply } => {
                let by = within.map(|within| now().plus(within.as_millis() as u64));
                self.ask_when_known(by, Asked::Snapshot(reply));
            }
            Message::Refusal { request, decision, reply } => {
                drop(reply.send(self.dispatcher.refusal(&request, &decision)));
            }
            Message::Event(event) => self.handle(event),
            Message::Text { attempt, text } => self.hand_out(attempt, text),
            Message::Drain(reply) => self.drained.push(reply),
            Message::Loading(reply) => {
                let left = self.calls.values().filter(|call| !self.jobs.contains_key(&call.job));
                drop(reply.send(left.map(|call| call.arm.clone()).collect()));
            }
            Message::Loaded(reply) => self.loaded.push(reply),
            Message::Close => {}
        }
    }

    fn submit(&mut self, job: JobId, request: Request, caller: Caller) {
        self.observers.queued(&request);
        let waiting = Waiting {
            caller,
            request: request.clone(),
            calls: 0,
            failed: None,
            submitted_at: since_1970(),
            made: Vec::new(),
            begun: BTreeMap::new(),
        };
        self.jobs.insert(job, waiting);
        self.handle(Event::Submit { job, request });
    }

    fn hand_out(&self, attempt: AttemptId, text: String) {
        let Some(call) = self.calls.get(&attempt) else { return };
        if let Some(Caller::Ask { pieces: Some(pieces), .. }) =
            self.jobs.get(&call.job).map(|job| &job.caller)
        {
            // A caller that stopped listening still gets the whole answer in the end.
            drop(pieces.send(text));
        }
    }

    fn ask_when_known(&mut self, by: Option<Millis>, asked: Asked) {
        self.questions.push(Question { by, asked });
    }

    fn answer_questions(&mut self) {
        if self.questions.is_empty() {
            return;
        }
        let (now, settled) = (now(), self.dispatcher.is_settled());
        let settles_by = self.dispatcher.settles_by().unwrap_or(now);
        let is_due = |question: &mut Question| settled || now >= question.by.unwrap_or(settles_by);
        for Question { asked, .. } in self.questions.extract_if(.., is_due) {
            match asked {
                Asked::Decide(request, reply) => drop(reply.send(self.dispatcher.decide(now, &request))),
                Asked::Snapshot(reply) => drop(reply.send(self.dispatcher.snapshot())),
            }
        }
    }

    fn handle(&mut self, event: Event) {
        let ended = match &event {
            Event::Succeeded { attempt, .. } => Some((*attempt, None)),
            Event::Failed { attempt, failure } => Some((*attempt, Some(failure.kind))),
            Event::Submit { .. }
            | Event::Announce { .. }
            | Event::Started { .. }
            | Event::FirstToken { .. }
            | Event::Progress { .. }
            | Event::Held { .. }
            | Event::Cancel { .. }
            | Event::HostState { .. }
            | Event::ModelState { .. }
            | Event::Signals { .. }
            | Event::Canary { .. }
            | Event::Prepare { .. }
            | Event::LoadEnded { .. }
            | Event::UnloadEnded { .. }
            | Event::StartEnded { .. }
            | Event::StopEnded { .. }
            | Event::StandBy { .. }
            | Event::Apply
            | Event::Feedback { .. }
            | Event::Look
            | Event::Slept { .. }
            | Event::Tick => None,
        };
        if let Some((attempt, failure)) = ended {
            self.call_ended(attempt, failure.map_or("ok", FailureKind::as_str), failure);
        }
        let now = now();
        let slept = self.dispatcher.slept(now);
        for event in slept.into_iter().chain([event]) {
            let began = Instant::now();
            self.dispatcher.handle(now, event);
            let computing = began.elapsed();
            while let Some(effect) = self.dispatcher.poll_effect() {
                self.carry_out(effect, computing);
            }
            while let Some(action) = self.dispatcher.poll_action() {
                self.observers.acted(&action);
            }
        }
        if let Some((attempt, _)) = ended {
            self.calls.remove(&attempt);
        }
    }
}

async fn sleep(duration: Option<Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}
