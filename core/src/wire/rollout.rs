//! A gradual rollout: a caller that names a model today sees what the dispatcher would do, and lets it do so for a share of its asks.

use serde::Serialize;

use super::fields::{Fields, invalid};
use crate::failure::DispatchError;
use crate::random::Random;
use crate::request::{Request, Task, Trial};

/// How much of what names a model or host is left to the dispatcher instead.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts", optional_fields))]
pub struct Rollout {
    /// Percent of asks, 0 to 100. With 0 the named model answers each, and the decision tells what would have been gained.
    pub percent: u8,
    /// The key by which an ask is put on one side: equal keys go to the same side each time. Absent: its texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl Rollout {
    /// Takes it out of an ask's fields.
    pub(super) fn read(fields: &mut Fields) -> Option<Self> {
        let allowed = "an object {percent, key}; percent is a whole number from 0 to 100, key a text";
        fields.object("rollout", allowed, |mut inner| {
            let (percent, key) = (inner.whole("percent", 0, 100), inner.name("key"));
            inner.finish("percent, key").ok()?;
            Some(Self { percent: percent? as u8, key })
        })
    }

    /// Whether the ask with these texts is left to the dispatcher: the same on every machine, and with a higher percentage none
    /// goes back.
    fn switches(&self, texts: Vec<&str>) -> bool {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let texts = self.key.as_deref().map_or(texts, |key| vec![key]);
        for byte in texts.into_iter().flat_map(str::bytes) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Random::new(hash).unit() * 100.0 < f64::from(self.percent)
    }

    /// Pins the request of the ask with these texts, or frees it.
    ///
    /// # Errors
    /// `invalid_request` where nothing is named, or where two models must not mix.
    pub(super) fn apply(&self, texts: Vec<&str>, request: &mut Request) -> Result<(), DispatchError> {
        if request.task == Task::Embed {
            let hint = "Leave it out: vectors of two models do not match.";
            return Err(invalid("rollout: cannot be used with task embed", hint));
        }
        let (model, host) = (request.model.clone(), request.host.clone());
        if model.is_none() && host.is_none() {
            let hint = "Name the model that answers today, or leave rollout out.";
            return Err(invalid("rollout: the ask names no model or host to compare with", hint));
        }
        let switched = self.switches(texts);
        if switched {
            (request.model, request.host) = (None, None);
        }
        request.trial = Some(Trial { switched, model, host });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Ask;

    fn ask(rollout: &str) -> Result<Ask, DispatchError> {
        Ask::from_json(&format!(r#"{{"prompt":"Hi","model":"big:7b","rollout":{rollout}}}"#))
    }

    #[test]
    fn about_the_stated_share_is_left_to_the_dispatcher_and_stays_so_when_it_grows()
    -> Result<(), DispatchError> {
        let mut before = 0;
        for percent in [0, 10, 50, 100] {
            let mut switched = 0;
            for item in 0..1_000 {
                let request = ask(&format!(r#"{{"percent":{percent},"key":"item {item}"}}"#))?.request()?;
                let trial = request.trial.as_ref().ok_or_else(|| invalid("no trial", ""))?;
                assert_eq!(trial.switched, request.model.is_none());
                assert_eq!(trial.model.as_ref().map(crate::ModelName::as_str), Some("big:7b"));
                switched += usize::from(trial.switched);
            }
            assert!(switched.abs_diff(percent * 10) < 30, "{percent} %: {switched} of 1000");
            assert!(switched >= before, "{percent} %");
            before = switched;
        }
        Ok(())
    }

    #[test]
    fn it_needs_a_model_to_compare_with_and_no_vectors() {
        let told =
            |json: &str| Ask::from_json(json).and_then(|ask| ask.request()).err().map(|error| error.message);
        assert_eq!(
            told(r#"{"prompt":"Hi","rollout":{"percent":0}}"#).as_deref(),
            Some("rollout: the ask names no model or host to compare with")
        );
        assert_eq!(
            told(r#"{"prompt":"Hi","model":"e","task":"embed","rollout":{"percent":5}}"#).as_deref(),
            Some("rollout: cannot be used with task embed")
        );
        for wrong in [r#"{"percent":101}"#, r#"{"share":1}"#, "5", "{}"] {
            assert!(ask(wrong).is_err(), "{wrong}");
        }
    }
}
