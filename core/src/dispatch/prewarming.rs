//! Models are loaded shortly before uses that come back by the clock.

use crate::dispatch::Dispatcher;
use crate::dispatch::powering::Rousing;
use crate::fleet::{Contact, Residency};
use crate::lifecycle::{Expectation, LifecycleActionKind, LifecycleMode, duration, seconds};
use crate::names::{Millis, ModelName};
use crate::policy::{Backlog, Exclusions, InMemory, View, load_s};
use crate::request::Request;

/// Milliseconds added to 1.5 times the expected time of a load: it begins that long before the use that is expected.
const LEAD_MS: f64 = 5_000.0;

impl Dispatcher {
    /// Loads models shortly before uses that come back by the clock.
    pub(super) fn prewarm(&mut self, mode: LifecycleMode, next: &mut Vec<Millis>) {
        if !self.config.lifecycle.prewarm {
            return;
        }
        let now = self.now;
        let habits = self.managing.habits.iter_mut();
        let expected: Vec<(ModelName, Expectation)> =
            habits.filter_map(|(name, habit)| Some((name.clone(), habit.expect(now)?))).collect();
        for (name, coming) in expected {
            let Expectation { at, early_ms, .. } = coming;
            let until = coming.over();
            let mut lead_ms: Option<u64> = None;
            let mut there = false;
            for host in &mut self.fleet.hosts {
                let rises_s = host.rises_in_s(now);
                if rises_s.is_none() && !matches!(host.contact, Contact::Up) {
                    continue;
                }
                // No host is started on a guess.
                if rises_s.is_some() && coming.share < 1.0 {
                    continue;
                }
                let Some(model) = host.models.get(&name) else { continue };
                let comes_s = rises_s.unwrap_or(0.0) + load_s(host, model, now);
                let lead = (comes_s * 1_500.0 + LEAD_MS) as u64 + early_ms;
                if !self.config.lifecycle.is_worth(&coming, lead, comes_s, host.needed_bytes(model, 0) / 1e9)
                {
                    continue;
                }
                lead_ms = Some(lead_ms.map_or(lead, |least| least.min(lead)));
                let Some(model) = host.models.get_mut(&name) else { continue };
                if model.residency != Residency::Cold {
                    there = true;
                    // Loading it again would take longer than it is held.
                    if at.since(now) <= lead {
                        model.stay.reserved_until = model.stay.reserved_until.max(until);
                    }
                }
            }
            let Some(lead_ms) = lead_ms else {
                next.push(until);
                continue;
            };
            let begins = Millis(at.0.saturating_sub(lead_ms));
            if begins > now {
                next.push(begins);
                continue;
            }
            let loaded = self.managing.habits.get(&name).is_some_and(|habit| habit.loaded_for == at);
            let loading = self.loads.keys().any(|(_, model)| *model == name);
            if there || loaded || loading || !self.may_act(mode, next) {
                next.push(until);
                continue;
            }
            self.prewarm_one(mode, &name, coming, next);
        }
    }

    fn prewarm_one(
        &mut self,
        mode: LifecycleMode,
        name: &ModelName,
        coming: Expectation,
        next: &mut Vec<Millis>,
    ) {
        let (now, at, until) = (self.now, coming.at, coming.over());
        let Some(habit) = self.managing.habits.get(name) else { return };
        let request = Request { model: Some(name.clone()), models: None, ..habit.example.clone() };
        let backlogs: Vec<Backlog> = self.backlogs_with_queue();
        let view = View { now, ..self.view(&backlogs) };
        let nothing = Exclusions::default();
        let ranked = view.rank(&request, &nothing, 0);
        let starts = ranked.best().is_some_and(|best| best.terms.start_s > 0.0);
        let is_guess = coming.share < 1.0;
        next.push(if starts && is_guess { until } else { now.plus(1_000) });
        let Some(best) = ranked.best().filter(|_| !(starts && is_guess)) else { return };
        let (position, id) = (best.position, best.host.config.id.clone());
        if starts {
            self.rouse(position, Rousing::Expected(name, seconds(now, at)));
            if let Some(host) = self.fleet.hosts.get_mut(position) {
                host.power.reserved_until = until;
            }
            return;
        }
        let Some(backlog) = backlogs.get(position) else { return };
        let in_memory = InMemory::of(best.host, backlog);
        let bound = best.host.memory_bound(now, self.config.stale_after_ms());
        // No model is pushed out for a use that may not come.
        let has_room = in_memory.takes(best.host, best.host.needed_bytes(best.model, 0), bound);
        let load_s = load_s(best.host, best.model, now);
        if !has_room || !self.is_just_seen(position, next) {
            return;
        }
        if let Some(habit) = self.managing.habits.get_mut(name) {
            habit.note_load(coming);
        }
        let reason = format!(
            "{name} comes to {id}: {} to load, its use is {} in {}",
            duration(load_s),
            if is_guess { "likely" } else { "expected" },
            duration(seconds(now, at))
        );
        self.log(mode, LifecycleActionKind::Prewarm, &id, Some(name), reason);
        if mode == LifecycleMode::On {
            self.count_action();
            self.begin_load(position, name, &request, &backlogs);
            let host = self.fleet.hosts.get_mut(position);
            if let Some(model) = host.and_then(|host| host.models.get_mut(name)) {
                model.stay.reserved_until = until;
            }
        }
    }
}
