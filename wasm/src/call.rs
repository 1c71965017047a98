//! Core's machines of the wire as JavaScript classes: an ask, its calls, and short exchanges. A driver frees each when it is over.

use std::sync::Arc;

use smart_ai_core::wire::{self, Answer, Ask};
use smart_ai_core::{AttemptId, Millis};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::value::{dispatch_error, from_js, to_js};

/// One ask, which crosses the border once.
#[wasm_bindgen]
pub struct Asked(Arc<Ask>);

#[wasm_bindgen]
impl Asked {
    /// Reads an ask from JSON. Throws `invalid_request`.
    #[wasm_bindgen(constructor)]
    pub fn new(json: &str) -> Result<Self, JsValue> {
        Ok(Self(Arc::new(Ask::from_json(json).map_err(dispatch_error)?)))
    }

    /// What core is told of it. `streaming`: the caller gets the text as it comes. Throws `invalid_request`.
    pub fn request(&self, streaming: bool) -> Result<JsValue, JsValue> {
        let mut request = self.0.request().map_err(dispatch_error)?;
        request.streaming = streaming;
        to_js(&request)
    }

    /// How many of its messages each part of it holds, in order.
    pub fn parts(&self) -> Vec<u32> {
        self.0.parts()
    }

    /// A call of it for the effect `call`.
    pub fn call(
        &self,
        attempt: f64,
        model: &str,
        options: &JsValue,
        streaming: bool,
    ) -> Result<Call, JsValue> {
        let (ask, attempt, options) = (Arc::clone(&self.0), AttemptId(attempt as u64), from_js(options)?);
        Ok(Call(wire::Call::new(ask, attempt, model.into(), options, streaming)))
    }

    /// The answer of its job, where no call brought anything. `error` is null where the job has an answer.
    pub fn answer(&self, error: &JsValue, outcome: &JsValue, decision: &JsValue) -> Result<JsValue, JsValue> {
        explained(&self.0.answer(from_js(error)?, from_js(outcome)?, None), decision)
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

    /// The answer of its job, which takes what the call has brought. `error` is null where the job has an answer.
    pub fn answer(
        &mut self,
        error: &JsValue,
        outcome: &JsValue,
        decision: &JsValue,
    ) -> Result<JsValue, JsValue> {
        explained(&self.0.answer(from_js(error)?, from_js(outcome)?, None), decision)
    }
}

/// The answer with its decision, which core made and nobody need read again.
pub(crate) fn explained(answer: &Answer, decision: &JsValue) -> Result<JsValue, JsValue> {
    let answer = to_js(answer)?;
    js_sys::Reflect::set(&answer, &"decision".into(), decision)?;
    Ok(answer)
}

/// The short exchanges of one fleet: looks, canaries, loads and unloads.
#[wasm_bindgen]
#[derive(Default)]
pub struct Exchanges(wire::Exchanges);

#[wasm_bindgen]
impl Exchanges {
    /// Of a fleet that nothing has been asked of yet.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins what an effect asks for; undefined where it is carried out in another way.
    pub fn begin(&self, now: f64, effect: &JsValue) -> Result<Option<Exchange>, JsValue> {
        Ok(self.0.begin(Millis(now as u64), &from_js(effect)?).map(Exchange))
    }
}

/// What one effect asks of one server.
#[wasm_bindgen]
pub struct Exchange(wire::Exchange);

#[wasm_bindgen]
impl Exchange {
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
