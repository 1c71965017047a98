//! Carries out a call: moves bytes between its host and core's machine for it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reqwest::header::{LOCATION, RETRY_AFTER};
use smart_ai_core::wire::{self, CallStep};

use super::clock::now;
use super::message::{Message, Reporter};
use super::schema::misfit;
use crate::http::{self, Server, words};

/// A call that its own task carries out, while the task that owns the dispatcher may read what has come.
#[derive(Clone, Debug)]
pub(super) struct Call(Arc<Mutex<wire::Call>>);

/// What follows a response.
enum Next {
    /// The request is sent once more.
    Again,
    Over,
}

impl Call {
    pub(super) fn new(call: wire::Call) -> Self {
        Self(Arc::new(Mutex::new(call)))
    }

    /// The machine, for as long as it takes to hand it something.
    pub(super) fn machine(&self) -> MutexGuard<'_, wire::Call> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends with exactly one of `Succeeded` and `Failed`, unless its task is aborted before.
    pub(super) async fn carry_out(self, server: Server, report: Reporter) {
        while let Next::Again = self.exchange(&server, &report).await {}
    }

    async fn exchange(&self, server: &Server, report: &Reporter) -> Next {
        let request = server.send(self.machine().request());
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) => return self.lost(&error, report),
        };
        let header = |name| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let (retry_after, location) = (header(RETRY_AFTER), header(LOCATION));
        let steps = self.machine().answered(response.status().as_u16(), retry_after, location);
        let mut next = self.take(steps, report);
        while next.is_none() {
            let steps = match response.chunk().await {
                Ok(Some(bytes)) => self.machine().push(now(), &bytes),
                Ok(None) => self.machine().finish(now()),
                Err(error) => return self.lost(&error, report),
            };
            next = self.take(steps, report);
        }
        next.unwrap_or(Next::Over)
    }

    fn lost(&self, error: &reqwest::Error, report: &Reporter) -> Next {
        let steps = self.machine().lost(now(), http::code(error), &words(error));
        self.take(steps, report).unwrap_or(Next::Over)
    }

    /// Carries out steps; gives what follows where they end the response.
    fn take(&self, steps: Vec<CallStep>, report: &Reporter) -> Option<Next> {
        let attempt = report.attempt;
        let mut steps = VecDeque::from(steps);
        while let Some(step) = steps.pop_front() {
            match step {
                CallStep::Event { event } => report.event(event),
                CallStep::Text { text } => report.send(Message::Text { attempt, text }),
                CallStep::Check { schema, answer } => {
                    let misfit = misfit(&schema, &answer);
                    steps.extend(self.machine().checked(misfit.as_deref()));
                }
                CallStep::Again => return Some(Next::Again),
                CallStep::Ended { event } => {
                    report.event(event);
                    return Some(Next::Over);
                }
            }
        }
        None
    }
}
