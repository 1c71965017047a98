//! The native runtime as a JavaScript class: one task that drives a fleet, and the command line.

use std::sync::Arc;

use napi::bindgen_prelude::within_runtime_if_available;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use serde_json::Value;
use smart_ai::{Answer, Ask, AskOptions, DispatchError, DispatchErrorCode, FleetConfig};
use tokio::sync::{Notify, mpsc};

use crate::value::{Code, Result, config_error, dispatch_error, from_json};

type OnText = ThreadsafeFunction<String, (), String, napi::Status, false>;

/// Cancels the ask it was given to.
#[napi]
#[derive(Default)]
pub struct Cancel(Arc<Notify>);

#[napi]
impl Cancel {
    /// Not cancelled yet.
    #[napi(constructor, catch_unwind)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the ask, also one that has not begun.
    #[napi(catch_unwind)]
    pub fn cancel(&self) {
        self.0.notify_one();
    }
}

/// A fleet at work.
#[napi]
pub struct Engine(smart_ai::Engine);

#[napi]
impl Engine {
    /// Starts driving the fleet.
    #[napi(constructor, catch_unwind)]
    pub fn new(config: String) -> Result<Self, Code> {
        let config = FleetConfig::from_json(&config).map_err(config_error)?;
        within_runtime_if_available(|| smart_ai::Engine::start(&config)).map(Self).map_err(config_error)
    }

    /// Answers one ask; `on_text` takes the answer as it comes.
    #[napi(catch_unwind)]
    pub async fn ask(&self, ask: String, cancel: &Cancel, on_text: Option<OnText>) -> napi::Result<String> {
        let value: Value = serde_json::from_str(&ask)?;
        let id = value.get("id").cloned().unwrap_or_default();
        let ask = match Ask::from_value(value) {
            Ok(ask) => ask,
            Err(error) => return Ok(serde_json::to_string(&Answer::refused(id, error))?),
        };
        let (options, texts) = options_for(on_text);
        let engine = self.0.clone();
        let answering = async {
            let (answer, ()) = tokio::join!(engine.ask(ask, options), texts);
            answer
        };
        let cancelled = DispatchError::new(DispatchErrorCode::Cancelled, "the caller cancelled", "ask again");
        let answer = tokio::select! {
            biased;
            () = cancel.0.notified() => Answer::refused(id, cancelled),
            answer = answering => answer,
        };
        Ok(serde_json::to_string(&answer)?)
    }

    /// What would be chosen now, as `Ok` or `Err`. Nothing is called.
    #[napi(catch_unwind)]
    pub async fn decide(&self, ask: String) -> napi::Result<String> {
        let decision = match Ask::from_json(&ask) {
            Ok(ask) => self.0.decide(&ask).await,
            Err(error) => Err(error),
        };
        Ok(serde_json::to_string(&decision)?)
    }

    /// Says how good an answer was. Throws `invalid_request`.
    #[napi(catch_unwind)]
    pub fn feedback(&self, feedback: String) -> Result<(), Code> {
        self.0.feedback(from_json(&feedback)?).map_err(dispatch_error)
    }

    /// What the dispatcher believes, once every host has been looked at, as `Ok` or `Err`.
    #[napi(catch_unwind)]
    pub async fn snapshot(&self) -> napi::Result<String> {
        Ok(serde_json::to_string(&self.0.snapshot().await)?)
    }

    /// Takes no more asks, lets what runs end, and ends.
    #[napi(catch_unwind)]
    pub async fn drain(&self) {
        self.0.drain().await;
    }

    /// Cancels what runs, and ends.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.0.close();
    }
}

/// Hands every text on, in order, until the ask has ended.
fn options_for(on_text: Option<OnText>) -> (AskOptions, impl Future<Output = ()>) {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let pieces = on_text.is_some().then_some(sender);
    let texts = async move {
        while let (Some(text), Some(on_text)) = (receiver.recv().await, &on_text) {
            on_text.call(text, ThreadsafeFunctionCallMode::NonBlocking);
        }
    };
    (AskOptions { pieces }, texts)
}

/// Runs the command line with these arguments, the program's name first; its exit code.
#[napi(catch_unwind)]
pub fn cli(arguments: Vec<String>) -> u8 {
    smart_ai::cli::run(arguments)
}
