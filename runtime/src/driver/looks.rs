//! What the task asks of hosts and of the metrics server by short exchanges: looks, canaries, loads and unloads.

use std::time::Duration;

use futures_util::future::join_all;
use smart_ai_core::wire::{Exchange, Reply};
use smart_ai_core::{Arm, Effect, Event, HostId};

use super::clock::now;
use super::message::Message;
use super::observer::Observers;
use super::task::Task;
use crate::http::{Server, TimedReply, timed_look};
use crate::power::within;

impl Task {
    /// Begins the exchanges that an effect asks for; the event that they make comes as a message.
    pub(super) fn exchange(&self, effect: &Effect) {
        let Some(mut exchange) = self.exchanges.begin(now(), effect) else { return };
        let server = exchange.host().map_or(self.prometheus.as_ref(), |host| self.hosts.get(host));
        let Some(server) = server.cloned() else { return };
        let (send, observers) = (self.sender(), self.observers.clone());
        tokio::spawn(async move {
            let (event, replies) = exchanged(&mut exchange, &server).await;
            let canary = canary_end(&event);
            // The dispatcher first: who waits for a look submits a job once it is told of it.
            send(event);
            tell(&observers, exchange.host(), canary, &replies);
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

    /// Sends events here, as long as the engine lives.
    fn sender(&self) -> impl Fn(Event) + use<> {
        let messages = self.messages.clone();
        move |event| {
            if let Some(messages) = messages.upgrade() {
                drop(messages.send(Message::Event(event)));
            }
        }
    }
}

/// Carries out an exchange: the event it makes, and the replies to the requests that were sent last.
pub(crate) async fn exchanged(exchange: &mut Exchange, server: &Server) -> (Event, Vec<TimedReply>) {
    let within = Duration::from_millis(u64::from(exchange.within_ms()));
    loop {
        let requests = exchange.requests().iter();
        let looks = requests.map(|request| timed_look(server.send(request.clone()), within));
        let timed = join_all(looks).await;
        let replies: Vec<Reply> = timed.iter().map(|timed| timed.reply.clone()).collect();
        if let Some(event) = exchange.replied(now(), &replies) {
            return (event, timed);
        }
    }
}

/// The arm of a canary, and `ok` or the failure's word.
fn canary_end(event: &Event) -> Option<(Arm, &'static str)> {
    let Event::Canary { host, model, failure } = event else { return None };
    let arm = Arm { host: host.clone(), model: model.clone() };
    Some((arm, failure.as_ref().map_or("ok", |failure| failure.kind.as_str())))
}

fn tell(
    observers: &Observers,
    host: Option<&HostId>,
    canary: Option<(Arm, &'static str)>,
    replies: &[TimedReply],
) {
    match (host, canary, replies) {
        (_, Some((arm, outcome)), _) => observers.canary_ended(&arm, outcome),
        (None, None, [.., last]) => observers.asked_metrics(&last.reply),
        (Some(host), None, [version, tags, resident]) => {
            observers.looked(host, [("version", version), ("tags", tags), ("ps", resident)]);
        }
        (Some(_) | None, None, _) => {}
    }
}
