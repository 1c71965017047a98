//! Which models get series of their own: a bounded number, and none that has been gone for an hour.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use smart_ai_core::HostId;

use crate::serve::inventory::Inventory;

/// The label of every model without series of its own.
const OTHER: &str = "other";
/// Models of one host that have series at a time, those that are gone and not yet forgotten included.
const HOST_MOST: usize = 400;
/// Models of all hosts that have series at a time.
const ALL_MOST: usize = 2_000;
/// The series of a model that no look has shown for this long are dropped.
const GONE: Duration = Duration::from_secs(3600);

/// The arms that have series.
#[derive(Debug)]
pub(super) struct Arms {
    inventory: Arc<Inventory>,
    /// When each was last shown by a look.
    seen: Mutex<BTreeMap<HostId, BTreeMap<String, Instant>>>,
}

impl Arms {
    pub(super) fn new(inventory: Arc<Inventory>) -> Self {
        Self { inventory, seen: Mutex::default() }
    }

    /// Takes in what a look at a host showed; the models that are to be forgotten.
    pub(super) fn looked<'a>(
        &self,
        now: Instant,
        host: &HostId,
        models: impl IntoIterator<Item = &'a str>,
    ) -> Vec<String> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = seen.values().map(BTreeMap::len).sum();
        let mine = seen.entry(host.clone()).or_default();
        let mut room = HOST_MOST.saturating_sub(mine.len()).min(ALL_MOST.saturating_sub(all));
        for model in models {
            if let Some(last) = mine.get_mut(model) {
                *last = now;
            } else if room > 0 {
                room -= 1;
                mine.insert(model.to_owned(), now);
            }
        }
        let is_gone = |last: &Instant| now.duration_since(*last) >= GONE;
        let gone = mine.iter().filter(|(_, last)| is_gone(last)).map(|(model, _)| model.clone()).collect();
        mine.retain(|_, last| !is_gone(last));
        gone
    }

    /// Whether the model, by its listed name, has series.
    pub(super) fn has(&self, host: &HostId, model: &str) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(host).is_some_and(|models| models.contains_key(model))
    }

    /// The label of a model's name: one of a bounded number, whatever clients send. `host` is empty where none is chosen yet.
    pub(super) fn label(&self, host: &str, model: &str) -> String {
        if model.is_empty() {
            return String::new();
        }
        let name = self.inventory.tag(model).unwrap_or_else(|| model.to_owned());
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let known = if host.is_empty() {
            seen.values().any(|models| models.contains_key(&name))
        } else {
            seen.get(&HostId::from(host)).is_some_and(|models| models.contains_key(&name))
        };
        if known { name } else { OTHER.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_come_and_go_make_a_bounded_number_of_arms() {
        let arms = Arms::new(Arc::default());
        let (host, start) = (HostId::from("pc"), Instant::now());
        for round in 0_u32..100 {
            let names: Vec<String> = (0..200).map(|number| format!("m{round}-{number}")).collect();
            let gone =
                arms.looked(start + Duration::from_secs(5) * round, &host, names.iter().map(String::as_str));
            assert!(gone.is_empty());
        }
        assert!(arms.has(&host, "m0-0") && arms.has(&host, "m1-199") && !arms.has(&host, "m2-0"));
        assert_eq!(arms.label("pc", "m2-0"), OTHER);
        assert_eq!(arms.label("pc", "m1-0"), "m1-0");
        assert_eq!(arms.label("", "m1-0"), "m1-0");
        assert_eq!(arms.label("nas", "m1-0"), OTHER);
    }

    #[test]
    fn a_model_that_is_gone_for_an_hour_is_forgotten_and_leaves_room() {
        let arms = Arms::new(Arc::default());
        let (host, start) = (HostId::from("pc"), Instant::now());
        assert!(arms.looked(start, &host, ["old", "kept"]).is_empty());
        let later = start + GONE / 2;
        assert!(arms.looked(later, &host, ["kept"]).is_empty());
        assert_eq!(arms.looked(start + GONE, &host, ["kept", "new"]), ["old"]);
        assert!(!arms.has(&host, "old") && arms.has(&host, "kept") && arms.has(&host, "new"));
    }
}
