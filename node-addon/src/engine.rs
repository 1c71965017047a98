//! The native runtime as a JavaScript class: one task that drives a fleet, and the command line.

use std::sync::{Mutex, PoisonError};

use napi::Env;
use napi::bindgen_prelude::{PromiseRaw, block_on, within_runtime_if_available};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use serde_json::Value;
use smart_ai::{Answer, Ask, AskOptions, DispatchError, DispatchErrorCode, FleetConfig, Keeping, KeptAnswer};
use smart_ai_core::wire::json_text;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::value::{Code, Result, config_error, dispatch_error, from_json};

type OnText = ThreadsafeFunction<String, (), String, napi::Status, false>;

/// Cancels the ask it was given to.
#[napi]
#[derive(Default)]
pub struct Cancel(CancellationToken);

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
        self.0.cancel();
    }
}

/// A fleet at work, and its history where one is kept.
#[napi]
pub struct Engine(smart_ai::Engine, Mutex<Option<Keeping>>);

#[napi]
impl Engine {
    /// Starts driving the fleet; `history` says where its history is, and what is kept. Without one, it begins with what
    /// another has `learned`: a snapshot.
    #[napi(constructor, catch_unwind)]
    pub fn new(config: String, history: Option<String>, learned: Option<String>) -> Result<Self, Code> {
        let config = FleetConfig::from_json(&config).map_err(config_error)?;
        let Some(history) = history else {
            let learned = learned.as_deref().map(from_json).transpose()?;
            let engine = within_runtime_if_available(|| match &learned {
                Some(snapshot) => smart_ai::Engine::restored(&config, snapshot),
                None => smart_ai::Engine::start(&config),
            });
            return Ok(Self(engine.map_err(config_error)?, Mutex::default()));
        };
        let history = from_json(&history)?;
        let (engine, keeping) =
            block_on(smart_ai::Engine::keeping(&config, history)).map_err(config_error)?;
        Ok(Self(engine, Mutex::new(keeping)))
    }

    /// Answers one ask, which is queued when this returns; `on_text` takes the answer as it comes.
    #[napi(catch_unwind)]
    pub fn ask<'env>(
        &self,
        env: &'env Env,
        ask: String,
        cancel: &Cancel,
        #[napi(ts_arg_type = "((text: string) => void) | undefined")] on_text: Option<OnText>,
    ) -> napi::Result<PromiseRaw<'env, String>> {
        let (id, ask) = match serde_json::from_str::<Value>(&json_text(ask.as_bytes())) {
            Ok(value) => (value.get("id").cloned().unwrap_or_default(), Ask::from_value(value)),
            // The reader of asks says what is wrong.
            Err(_) => (Value::Null, Ask::from_json(&ask)),
        };
        let cancel = cancel.0.clone();
        let answering = ask.map(|ask| {
            let (options, texts) = options_for(on_text);
            // Where the caller has left already, no call is made.
            let answer = (!cancel.is_cancelled()).then(|| self.0.ask_kept(ask, options));
            async { tokio::join!(answer?, texts).0.into() }
        });
        env.spawn_future(async move {
            let refused = |error| KeptAnswer::from(Answer::refused(id, error));
            let answer = match answering {
                Ok(answering) => cancel.run_until_cancelled(answering).await.flatten().unwrap_or_else(|| {
                    let hint = "ask again";
                    refused(DispatchError::new(DispatchErrorCode::Cancelled, "the caller cancelled", hint))
                }),
                Err(error) => refused(error),
            };
            Ok(serde_json::to_string(&answer)?)
        })
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

    /// Has a model in memory before it is asked: `Ok` with how it stands, or `Err`.
    #[napi(catch_unwind)]
    pub async fn prepare(&self, wish: String) -> napi::Result<String> {
        let prepared = if let Ok(wish) = from_json(&wish) {
            self.0.prepare(wish).await
        } else {
            let hint = "Send one object, such as {\"model\":\"qwen2.5:7b\"}.";
            Err(DispatchError::new(
                DispatchErrorCode::InvalidRequest,
                "the argument of prepare is not JSON",
                hint,
            ))
        };
        Ok(serde_json::to_string(&prepared)?)
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

    /// Whether its task has ended: it answers nothing any more.
    #[napi(catch_unwind)]
    pub fn closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Takes no more asks from here on, lets what runs end, and ends.
    #[napi(catch_unwind)]
    pub fn drain<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, ()>> {
        let drained = self.0.drain();
        let kept = self.written();
        env.spawn_future(async {
            drained.await;
            kept.await;
            Ok(())
        })
    }

    /// Cancels what runs, and ends; the process lives until its history is written.
    #[napi(catch_unwind)]
    pub fn close<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, ()>> {
        self.0.close();
        let kept = self.written();
        env.spawn_future(async {
            kept.await;
            Ok(())
        })
    }
}

impl Engine {
    /// Once the engine has ended: until its history is written.
    fn written(&self) -> impl Future<Output = ()> + use<> {
        let keeping = self.1.lock().unwrap_or_else(PoisonError::into_inner).take();
        async {
            if let Some(keeping) = keeping {
                keeping.close().await;
            }
        }
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
