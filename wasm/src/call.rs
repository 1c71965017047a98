//! Core's machines of the wire as JavaScript classes: an ask, its calls, and short exchanges. A driver frees each when it is over.

use std::sync::Arc;

use smart_ai_core::wire::{self, Ask};
use smart_ai_core::{Decision, DispatchError, Effect, Millis, Outcome};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::dispatcher::Dispatcher;
use crate::value::{dispatch_error, from_js, to_js};

/// One ask, which crosses the border once.
#[wasm_bindgen]
pub struct Asked {
    ask: Arc<Ask>,
    /// Its place among the parts of a larger ask; 0 if it is not a part.
    #[wasm_bindgen(readonly)]
    pub place: usize,
}

#[wasm_bindgen]
impl Asked {
    /// Reads an ask from JSON. Throws `invalid_request`.
    #[wasm_bindgen(constructor)]
    pub fn new(json: &str) -> Result<Self, JsValue> {
        let ask = Ask::from_json(json).map_err(dispatch_error)?;
        Ok(Self { ask: Arc::new(ask), place: 0 })
    }

    /// What core is told of it. `streaming`: the caller gets the text as it comes. Throws `invalid_request`.
    pub fn request(&self, streaming: bool) -> Result<JsValue, JsValue> {
        let mut request = self.ask.request().map_err(dispatch_error)?;
        request.streaming = streaming;
        to_js(&request)
    }

    /// Its parts, which take its texts; undefined where it is one.
    pub fn parts(&mut self, now: f64) -> Option<Parts> {
        wire::Parts::of(Millis(now as u64), Arc::make_mut(&mut self.ask)).map(Parts)
    }

    /// A call of it for the effect `call` of the last step; undefined for any other.
    pub fn call(&self, dispatcher: &Dispatcher, place: usize, streaming: bool) -> Option<Call> {
        let Effect::Call { attempt, model, options, .. } = dispatcher.effects.get(place)? else {
            return None;
        };
        let (ask, model, options) = (Arc::clone(&self.ask), model.clone(), options.clone());
        Some(Call(wire::Call::new(ask, *attempt, model, options, streaming)))
    }

    /// The answer of its job, where no call brought anything, for the effect `resolve` or `reject` of the last step.
    pub fn answer(&self, dispatcher: &Dispatcher, place: usize) -> Result<JsValue, JsValue> {
        to_js(&End::of(dispatcher, place).map(|end| self.ask.answer(end.error, end.outcome, end.decision)))
    }
}

/// An ask that is answered in parts.
#[wasm_bindgen]
pub struct Parts(wire::Parts);

#[wasm_bindgen]
impl Parts {
    /// A part to ask now; undefined where others must end first, or where all have been asked.
    pub fn next(&mut self, now: f64) -> Option<Asked> {
        let wire::Part { place, ask } = self.0.next(Millis(now as u64))?;
        Some(Asked { ask: Arc::new(ask), place })
    }

    /// Takes the answer of a part, without its vectors; gives the whole answer, without vectors, or null: then there is more to come.
    pub fn ended(&mut self, now: f64, place: usize, answer: &JsValue) -> Result<JsValue, JsValue> {
        to_js(&self.0.ended(Millis(now as u64), place, from_js(answer)?))
    }
}

/// How a job ended.
struct End {
    error: Option<DispatchError>,
    outcome: Outcome,
    decision: Option<Decision>,
}

impl End {
    fn of(dispatcher: &Dispatcher, place: usize) -> Option<Self> {
        let effect = dispatcher.effects.get(place)?;
        let (job, error, outcome) = if let Effect::Resolve { job, outcome } = effect {
            (*job, None, outcome.clone())
        } else if let Effect::Reject { job, error, outcome } = effect {
            (*job, Some(error.clone()), outcome.clone())
        } else {
            return None;
        };
        Some(Self { error, outcome, decision: dispatcher.core.decision(job) })
    }
}

/// One call, from its request to its judged end.
#[wasm_bindgen]
pub struct Call(wire::Call);

#[wasm_bindgen]
impl Call {
    /// What to send to the host.
    pub fn request(&self) -> Result<JsValue, JsValue> {
        to_js(&self.0.request())
    }

    /// The head of the response; gives the next steps, as each of the following does.
    pub fn answered(
        &mut self,
        status: u16,
        retry_after: Option<String>,
        location: Option<String>,
    ) -> Result<JsValue, JsValue> {
        to_js(&self.0.answered(status, retry_after, location))
    }

    /// Takes bytes of the body as they come.
    pub fn push(&mut self, now: f64, bytes: &[u8]) -> Result<JsValue, JsValue> {
        to_js(&self.0.push(Millis(now as u64), bytes))
    }

    /// The body has ended.
    pub fn finish(&mut self, now: f64) -> Result<JsValue, JsValue> {
        to_js(&self.0.finish(Millis(now as u64)))
    }

    /// The connection could not be made or did not last.
    pub fn lost(&mut self, now: f64, code: Option<String>, message: &str) -> Result<JsValue, JsValue> {
        to_js(&self.0.lost(Millis(now as u64), code.as_deref(), message))
    }

    /// Answers the step `check`: what of the answer does not fit its schema; absent where it fits.
    pub fn checked(&mut self, misfit: Option<String>) -> Result<JsValue, JsValue> {
        to_js(&self.0.checked(misfit.as_deref()))
    }

    /// The answer of its job, which takes what the call has brought, for the effect `resolve` or `reject` of the last step.
    pub fn answer(&mut self, dispatcher: &Dispatcher, place: usize) -> Result<JsValue, JsValue> {
        to_js(&End::of(dispatcher, place).map(|end| self.0.answer(end.error, end.outcome, end.decision)))
    }
}

/// What one effect asks of one server: a look, a canary, a load or an unload.
#[wasm_bindgen]
pub struct Exchange(wire::Exchange);

#[wasm_bindgen]
impl Exchange {
    /// Begins what this effect of the last step asks; undefined where it is carried out in another way.
    pub fn begin(dispatcher: &Dispatcher, now: f64, place: usize) -> Option<Self> {
        dispatcher.exchanges.begin(Millis(now as u64), dispatcher.effects.get(place)?).map(Self)
    }

    /// The host to send to; undefined: the metrics server.
    pub fn host(&self) -> Option<String> {
        self.0.host().map(ToString::to_string)
    }

    /// Milliseconds each request may take; one that takes longer is a lost connection with the code `ETIMEDOUT`.
    #[wasm_bindgen(js_name = withinMs)]
    pub fn within_ms(&self) -> u32 {
        self.0.within_ms()
    }

    /// What to send now, all at once.
    pub fn requests(&self) -> Result<JsValue, JsValue> {
        to_js(&self.0.requests())
    }

    /// Takes the replies in their order; gives the event they make, or null: then there is more to send.
    pub fn replied(&mut self, now: f64, replies: &JsValue) -> Result<JsValue, JsValue> {
        let replies: Vec<wire::Reply> = from_js(replies)?;
        to_js(&self.0.replied(Millis(now as u64), &replies))
    }
}

/// Bytes the body of a short exchange may have. A longer one counts as a lost connection.
#[wasm_bindgen(js_name = bodyMax)]
pub fn body_max() -> f64 {
    wire::BODY_MAX as f64
}
