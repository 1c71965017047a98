//! The dispatcher as a JavaScript class.

use napi_derive::napi;
use smart_ai_core::{Config, Event, JobId, Millis, Snapshot};

use crate::value::{Code, Result, config_error, from_json, to_json};

/// Decides; a driver feeds it events and carries out effects.
#[napi]
pub struct Dispatcher(smart_ai_core::Dispatcher);

#[napi]
impl Dispatcher {
    /// A dispatcher that knows nothing but its configuration.
    #[napi(constructor, catch_unwind)]
    pub fn new(config: String, seed: f64) -> Result<Self, Code> {
        let config = Config::from_json(&config).map_err(config_error)?;
        smart_ai_core::Dispatcher::new(config, seed as u64).map(Self).map_err(config_error)
    }

    /// A dispatcher that believes what `snapshot` says.
    #[napi(factory, catch_unwind)]
    pub fn restore(config: String, seed: f64, snapshot: String) -> Result<Self, Code> {
        let config = Config::from_json(&config).map_err(config_error)?;
        let snapshot: Snapshot = from_json(&snapshot)?;
        smart_ai_core::Dispatcher::restore(config, seed as u64, &snapshot).map(Self).map_err(config_error)
    }

    /// The driver's first call: what to look at before any job.
    #[napi(catch_unwind)]
    pub fn start(&mut self, now: f64) -> Result<String, Code> {
        to_json(&self.0.step(Millis(now as u64), Event::Tick))
    }

    /// Takes one event; gives what to do and when to send `tick` at the latest.
    #[napi(catch_unwind)]
    pub fn step(&mut self, now: f64, event: String) -> Result<String, Code> {
        to_json(&self.0.step(Millis(now as u64), from_json(&event)?))
    }

    /// The event to send before another, where the driver comes so late that it must have slept; null otherwise.
    #[napi(catch_unwind)]
    pub fn slept(&self, now: f64) -> Result<String, Code> {
        to_json(&self.0.slept(Millis(now as u64)))
    }

    /// What would be chosen now. Nothing is called.
    #[napi(catch_unwind)]
    pub fn decide(&self, now: f64, request: String) -> Result<String, Code> {
        to_json(&self.0.decide(Millis(now as u64), &from_json(&request)?))
    }

    /// The decision of a live job, or of one that ended in the last step; null otherwise.
    #[napi(catch_unwind)]
    pub fn decision(&self, job: f64) -> Result<String, Code> {
        to_json(&self.0.decision(JobId(job as u64)))
    }

    /// Until when a dry run waits for what is not known of the fleet yet, in milliseconds; undefined where it need not wait.
    #[napi(catch_unwind)]
    pub fn settles_by(&self) -> Option<f64> {
        self.0.settles_by().map(|by| by.0 as f64)
    }

    /// What it believes: hosts, models, rates, breakers.
    #[napi(catch_unwind)]
    pub fn snapshot(&self) -> Result<String, Code> {
        to_json(&self.0.snapshot())
    }
}
