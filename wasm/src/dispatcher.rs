//! The dispatcher as a JavaScript class.

use smart_ai_core::wire::Exchanges;
use smart_ai_core::{Config, Effect, Event, JobId, Millis, Snapshot};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::value::{config_error, from_js, json, to_js};

/// Decides; a driver feeds it events and carries out effects.
#[wasm_bindgen]
pub struct Dispatcher {
    pub(crate) core: smart_ai_core::Dispatcher,
    /// The effects of the last step. Kept here, so that what a driver begins for one of them does not cross the border twice.
    pub(crate) effects: Vec<Effect>,
    pub(crate) exchanges: Exchanges,
}

impl Dispatcher {
    fn of(core: smart_ai_core::Dispatcher) -> Self {
        Self { core, effects: Vec::new(), exchanges: Exchanges::default() }
    }

    fn stepped(&mut self, now: f64, event: Event) -> Result<JsValue, JsValue> {
        let step = self.core.step(Millis(now as u64), event);
        let told = to_js(&step);
        self.effects = step.effects;
        told
    }
}

#[wasm_bindgen]
impl Dispatcher {
    /// A dispatcher that knows nothing but its configuration. Throws `config_invalid`.
    #[wasm_bindgen(constructor)]
    pub fn new(config: &JsValue, seed: Option<f64>) -> Result<Self, JsValue> {
        let config = Config::from_json(&json(config)?).map_err(config_error)?;
        smart_ai_core::Dispatcher::new(config, seed.unwrap_or_default() as u64)
            .map(Self::of)
            .map_err(config_error)
    }

    /// A dispatcher that believes what `snapshot` says. Throws `config_invalid`.
    pub fn restore(config: &JsValue, seed: f64, snapshot: &JsValue) -> Result<Self, JsValue> {
        let config = Config::from_json(&json(config)?).map_err(config_error)?;
        let snapshot: Snapshot = from_js(snapshot)?;
        smart_ai_core::Dispatcher::restore(config, seed as u64, &snapshot).map(Self::of).map_err(config_error)
    }

    /// The driver's first call: what to look at before any job.
    pub fn start(&mut self, now: f64) -> Result<JsValue, JsValue> {
        self.stepped(now, Event::Tick)
    }

    /// Takes one event; gives what to do and when to send `tick` at the latest.
    pub fn step(&mut self, now: f64, event: &JsValue) -> Result<JsValue, JsValue> {
        self.stepped(now, from_js(event)?)
    }

    /// The event to send before another, where the driver comes so late that it must have slept; null otherwise.
    pub fn slept(&self, now: f64) -> Result<JsValue, JsValue> {
        to_js(&self.core.slept(Millis(now as u64)))
    }

    /// What would be chosen now. Nothing is called.
    pub fn decide(&self, now: f64, request: &JsValue) -> Result<JsValue, JsValue> {
        to_js(&self.core.decide(Millis(now as u64), &from_js(request)?))
    }

    /// The decision of a live job, or of one that ended in the last step; null otherwise.
    pub fn decision(&self, job: f64) -> Result<JsValue, JsValue> {
        to_js(&self.core.decision(JobId(job as u64)))
    }

    /// Until when a dry run waits for what is not known of the fleet yet; undefined where it need not wait.
    #[wasm_bindgen(js_name = settlesBy)]
    pub fn settles_by(&self) -> Option<f64> {
        self.core.settles_by().map(|by| by.0 as f64)
    }

    /// What it believes: hosts, models, rates, breakers.
    pub fn snapshot(&self) -> Result<JsValue, JsValue> {
        to_js(&self.core.snapshot())
    }
}
