//! The task that owns the dispatcher: messages in, effects carried out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use smart_ai_core::wire::{self, Answer, Exchanges, Fleet};
use smart_ai_core::{
    Arm, AttemptId, ConfigError, DispatchError, Dispatcher, Effect, Event, FailureKind, HostId, JobId,
    LifecycleMode, Millis, Outcome, Prepared, Request,
};
use tokio::sync::{mpsc, oneshot};

use super::call::Call;
use super::clock::{now, since_1970};
use super::ledger::{Asked, Caller, Question, Underway, Waiting};
use super::message::{Message, Reporter};
use super::observer::{self, JobEnd, Observers, Texts};
use super::passing::relay;
use super::relay::RelayEnd;
use super::{KeptAnswer, closed};
use crate::http::Server;
use crate::power::{Powers, powers};

/// How often observers are told what has been learned.
const LEARNED_EVERY: Duration = Duration::from_secs(10);

/// The owner of the dispatcher.
pub(super) struct Task {
    dispatcher: Dispatcher,
    pub(super) hosts: BTreeMap<HostId, Server>,
    pub(super) prometheus: Option<Server>,
    pub(super) exchanges: Exchanges,
    pub(super) messages: mpsc::WeakUnboundedSender<Message>,
    /// By what means hosts are started and stopped.
    pub(super) powers: Powers,
    /// When hosts that others would stop were last told that they are in use.
    renewed: BTreeMap<HostId, Instant>,
    /// Hosts that hold what somebody will ask soon, since the last renewal.
    readied: BTreeSet<HostId>,
    inbox: mpsc::UnboundedReceiver<Message>,
    jobs: BTreeMap<JobId, Waiting>,
    /// Asks of many parts under way.
    parted: BTreeSet<JobId>,
    calls: BTreeMap<AttemptId, Underway>,
    /// Who waits for a model to be in memory.
    prepares: BTreeMap<JobId, oneshot::Sender<Prepared>>,
    questions: Vec<Question>,
    pub(super) observers: Observers,
    /// When what has been learned was last told.
    told: Instant,
    /// Whether a job has ended since.
    has_learned: bool,
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
            renewed: BTreeMap::new(),
            readied: BTreeSet::new(),
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
        let at = self.dispatcher.poll_timeout().into_iter().chain(questions).min()?;
        Some(Duration::from_millis(at.since(now())))
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

    /// Counts a call's end.
    fn call_ended(&mut self, attempt: AttemptId, outcome: &'static str, failure: Option<FailureKind>) {
        let Some(call) = self.calls.get(&attempt) else { return };
        self.observers.call_ended(&call.arm, outcome);
        let Some(job) = self.jobs.get_mut(&call.job) else { return };
        job.made.push(call.made(attempt, outcome));
        job.calls = job.calls.saturating_sub(1);
        if job.calls == 0 {
            self.observers.queued(&job.request);
        }
        if let Some(kind) = failure {
            job.failed = Some((call.arm.clone(), kind));
        }
    }

    fn carry_out(&mut self, effect: Effect, computing: Duration) {
        match effect {
            Effect::Call { job, attempt, host, model, options } => {
                let (Some(waiting), Some(server)) = (self.jobs.get_mut(&job), self.hosts.get(&host)) else {
                    return;
                };
                let arm = Arm { host, model };
                if waiting.calls == 0 {
                    self.observers.left_queue(&waiting.request);
                }
                waiting.calls += 1;
                let decision = self.dispatcher.decision(job);
                self.observers.called(&observer::Call {
                    arm: &arm,
                    request: &waiting.request,
                    decision: decision.as_ref(),
                    failed: waiting.failed.as_ref(),
                    computing,
                });
                let report = Reporter { attempt, messages: self.messages.clone() };
                let task = match &waiting.caller {
                    Caller::Ask { ask, .. } => {
                        let (ask, model) = (Arc::clone(ask), arm.model.clone());
                        let streams = waiting.request.streaming;
                        let call = Call::new(wire::Call::new(ask, attempt, model, options, streams));
                        waiting.begun.insert(attempt, call.clone());
                        tokio::spawn(call.carry_out(server.clone(), report))
                    }
                    Caller::Relay { relay: request, .. } => {
                        let (request, name) = (Arc::clone(request), self.observers.name(job));
                        let call = relay(server.clone(), arm.clone(), name, request, options, report);
                        tokio::spawn(call)
                    }
                };
                let task = task.abort_handle();
                self.calls.insert(attempt, Underway { job, arm, began_at: since_1970(), task });
            }
            Effect::Abort { attempt } => {
                self.call_ended(attempt, "cancelled", None);
                if let Some(call) = self.calls.remove(&attempt) {
                    call.task.abort();
                }
            }
            Effect::Resolve { job, outcome } => self.end(job, None, outcome),
            Effect::Reject { job, error, outcome } => self.end(job, Some(error), outcome),
            Effect::StartHost { host, within_ms } => self.power(host, within_ms, true),
            Effect::StopHost { host, within_ms } => self.power(host, within_ms, false),
            Effect::Prepared { job, prepared } => {
                self.readied.extend(prepared.host.clone().filter(|_| prepared.ok));
                if let Some(reply) = self.prepares.remove(&job) {
                    // Whoever no longer waits has given it up.
                    drop(reply.send(prepared));
                }
            }
            Effect::Refresh { .. } | Effect::Load { .. } | Effect::Unload { .. } => self.exchange(&effect),
        }
    }

    /// Tells what would stop a host for idleness, such as Sablier, that a call is under way there, or that a model was prepared.
    fn renew(&mut self) {
        let readied = std::mem::take(&mut self.readied);
        for (id, power) in &self.powers {
            let Some(every) = power.renew_every() else { continue };
            let fresh = self.renewed.get(id).is_some_and(|at| at.elapsed() < every);
            let wanted = readied.contains(id) || self.calls.values().any(|call| call.arm.host == *id);
            if fresh || !wanted {
                continue;
            }
            self.renewed.insert(id.clone(), Instant::now());
            let power = Arc::clone(power);
            // One that fails is made up for by the next.
            tokio::spawn(async move { drop(power.start().await) });
        }
    }

    fn end(&mut self, id: JobId, error: Option<DispatchError>, outcome: Outcome) {
        let Some(Waiting { caller, request, calls, submitted_at, mut made, mut begun, .. }) =
            self.jobs.remove(&id)
        else {
            return;
        };
        if calls == 0 {
            self.observers.left_queue(&request);
        }
        let decision = self.dispatcher.decision(id);
        let call = outcome.attempt.and_then(|attempt| begun.remove(&attempt));
        let mut machine = call.as_ref().map(Call::machine);
        let answer = machine.as_ref().map(|call| call.text());
        let (texts, traceparent) = match &caller {
            Caller::Ask { ask, .. } => (Texts { ask: Some(&**ask), answer }, None),
            Caller::Relay { relay, .. } => (Texts::default(), relay.traceparent.as_deref()),
        };
        // Calls that go on without anybody who waits for them.
        for (attempt, call) in self.calls.iter().filter(|(_, call)| call.job == id) {
            if made.iter().all(|call| call.attempt != *attempt) {
                made.push(call.made(*attempt, "cancelled"));
            }
        }
        self.observers.ended(&JobEnd {
            job: id,
            submitted_at,
            ended_at: since_1970(),
            request: &request,
            outcome: &outcome,
            error: error.as_ref(),
            decision: decision.as_ref(),
            texts,
            calls: &made,
            traceparent,
        });
        self.has_learned = true;
        match caller {
            Caller::Ask { ask, reply, .. } => {
                let answer = match &mut machine {
                    Some(call) => call.answer(error, outcome, decision),
                    None => ask.answer(error, outcome, decision),
                };
                // A caller that is gone needs no answer.
                drop(reply.send(KeptAnswer { answer, job: self.observers.name(id) }));
            }
            Caller::Relay { refusal, reply, .. } => drop(reply.send(RelayEnd { outcome, error, refusal })),
        }
    }
}

async fn sleep(duration: Option<Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}
