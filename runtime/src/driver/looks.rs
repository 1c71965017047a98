//! What the task asks hosts and metrics for besides answers: looks, canaries and loads.

use std::time::Duration;

use smart_ai_core::wire::{Ask, Post, canary_failure, host_state, model_state, residency_failure};
use smart_ai_core::{Arm, Event, Failure, HostId, ModelName, Source};

use super::call::body;
use super::message::Message;
use super::signals::Signals;
use super::task::Task;
use crate::http::{look, timed_look};
use crate::power::within;

/// What a model is asked that need only show that it writes.
const CANARY_PROMPT: &str = "Hi";

impl Task {
    /// Sends events here, as long as the engine lives.
    fn sender(&self) -> impl Fn(Event) + use<> {
        let messages = self.messages.clone();
        move |event: Event| {
            if let Some(messages) = messages.upgrade() {
                drop(messages.send(Message::Event(event)));
            }
        }
    }

    /// Loads or unloads a model, and tells what came of it.
    pub(super) fn post_residency(
        &self,
        post: Option<Post>,
        arm: (HostId, ModelName),
        within: Duration,
        ended: fn((HostId, ModelName), Option<Failure>) -> Event,
    ) {
        let (Some(Post { path, body }), Some(server)) = (post, self.hosts.get(&arm.0).cloned()) else {
            return;
        };
        let send = self.sender();
        tokio::spawn(async move {
            let failure = residency_failure(&look(server.post(&path, body), within).await);
            send(ended(arm, failure));
        });
    }

    /// Starts or stops a host, and tells what came of it.
    pub(super) fn power(&self, host: HostId, within_ms: u32, starts: bool) {
        let Some(power) = self.powers.get(&host).cloned() else { return };
        let (send, limit) = (self.sender(), Duration::from_millis(within_ms.into()));
        tokio::spawn(async move {
            let work = async { if starts { power.start().await } else { power.stop().await } };
            let failure = within(limit, work).await.err();
            send(if starts {
                Event::StartEnded { host, failure }
            } else {
                Event::StopEnded { host, failure }
            });
        });
    }

    pub(super) fn refresh(&self, source: Source, within: Duration) {
        let send = self.sender();
        match source {
            Source::Host { host } => {
                let Some(server) = self.hosts.get(&host).cloned() else { return };
                let observers = self.observers.clone();
                tokio::spawn(async move {
                    let (version, tags, resident) = tokio::join!(
                        timed_look(server.get("/api/version"), within),
                        timed_look(server.get("/api/tags"), within),
                        timed_look(server.get("/api/ps"), within),
                    );
                    let state = host_state(&version.reply, &tags.reply, &resident.reply);
                    // The dispatcher first: who waits for a look submits a job once it is told of it.
                    send(Event::HostState { host: host.clone(), state });
                    observers.looked(&host, [("version", &version), ("tags", &tags), ("ps", &resident)]);
                });
            }
            Source::Model { host, model } => {
                let Some(server) = self.hosts.get(&host).cloned() else { return };
                tokio::spawn(async move {
                    let body = serde_json::json!({ "model": model }).to_string();
                    let show = look(server.post("/api/show", body), within).await;
                    send(Event::ModelState { host, model, state: model_state(&show) });
                });
            }
            Source::Canary { host, model, options } => {
                let Some(server) = self.hosts.get(&host).cloned() else { return };
                let observers = self.observers.clone();
                tokio::spawn(async move {
                    let ask = Ask { prompt: Some(CANARY_PROMPT.to_owned()), ..Ask::default() };
                    let (path, body) = body(&ask, model.as_str(), &options);
                    let failure = canary_failure(&look(server.post(path, body), within).await);
                    let arm = Arm { host: host.clone(), model: model.clone() };
                    observers
                        .canary_ended(&arm, failure.as_ref().map_or("ok", |failure| failure.kind.as_str()));
                    send(Event::Canary { host, model, failure });
                });
            }
            Source::Signals => {
                let Some(server) = self.prometheus.clone() else { return };
                let observers = self.observers.clone();
                tokio::spawn(async move {
                    let Signals { reply, state, .. } = server.signals(within).await;
                    observers.asked_metrics(&reply);
                    send(Event::Signals { state });
                });
            }
        }
    }
}
