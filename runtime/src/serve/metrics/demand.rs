//! How much each model is wanted: what an autoscaler of its host goes by.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::family::{Reading, Readings, labels};

/// How long a model counts as wanted after its last use. Shorter, an autoscaler would stop the host between two requests of one
/// conversation.
const HELD: Duration = Duration::from_secs(300);

/// What is wanted of every model; clones show the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Demand(Arc<Mutex<BTreeMap<String, Wanted>>>);

#[derive(Clone, Copy, Debug, Default)]
struct Wanted {
    /// Calls under way, and requests that wait.
    now: i64,
    used: Option<Instant>,
}

impl Demand {
    /// Changes the number of requests that wait or are being answered by this much.
    pub(super) fn change(&self, model: &str, by: i64, at: Instant) {
        let mut models = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = models.entry(model.to_owned()).or_default();
        *wanted = Wanted { now: wanted.now + by, used: Some(at) };
    }

    /// Nobody has wanted it yet.
    pub(super) fn start_at_zero(&self, model: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(model.to_owned()).or_default();
    }

    /// Calls under way and requests that wait, at least 1 for a while after the last.
    fn at(&self, now: Instant) -> Vec<(String, f64)> {
        let models = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = models.iter().map(|(model, wanted)| {
            let recent = wanted.used.is_some_and(|used| now.saturating_duration_since(used) < HELD);
            (model.clone(), wanted.now.max(i64::from(recent)) as f64)
        });
        wanted.collect()
    }
}

impl Readings for Demand {
    fn read(&self) -> Vec<Reading> {
        let help = "Calls under way and requests that wait, at least 1 for five minutes after the last";
        let wanted = self.at(Instant::now());
        let values = wanted.into_iter().map(|(model, value)| (labels([("model", model.as_str())]), value));
        vec![Reading { name: "smart_ai_demand", help, values: values.collect() }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_wanted_while_it_is_used_and_for_a_while_after() {
        let demand = Demand::default();
        let began = Instant::now();
        let at =
            |seconds: u64| demand.at(began + Duration::from_secs(seconds)).first().map(|(_, value)| *value);
        demand.start_at_zero("m");
        assert_eq!(at(0), Some(0.0), "nothing is scaled up at the start");
        demand.change("m", 1, began);
        demand.change("m", 1, began + Duration::from_secs(1));
        assert_eq!(at(2), Some(2.0));
        assert_eq!(at(1_000), Some(2.0), "a long answer");
        demand.change("m", -2, began + Duration::from_secs(1_000));
        assert_eq!((at(1_299), at(1_300)), (Some(1.0), Some(0.0)));
    }
}
