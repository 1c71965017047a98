//! What people are told of models that come and go: what is in memory and why, what was done lately, what that has saved.

use crate::dispatch::Dispatcher;
use crate::dispatch::managing::{Engaged, Fate};
use crate::fleet::{Host, Model, Residency};
use crate::lifecycle::{LifecycleModel, LifecycleReport, duration, seconds};
use crate::names::Millis;
use crate::policy::value_per_gb;

impl Dispatcher {
    /// What is in memory and why, what was done lately, and what that has saved.
    pub fn lifecycle(&self, now: Millis) -> LifecycleReport {
        let now = self.now.max(now);
        let (mut always, mut kept) = (0.0, 0.0);
        let mut models = Vec::new();
        let engaged = self.engaged();
        for (position, host) in self.fleet.hosts.iter().enumerate() {
            let asleep = host.power.saved_gb_s(now, host.config.start.as_ref());
            always += asleep;
            kept += asleep;
            for model in host.models.values() {
                let saved = model.stay.saved(now);
                always += saved.0;
                kept += saved.1;
                if model.residency != Residency::Cold || self.expected(&model.name).is_some() {
                    models.push(self.told(now, &engaged, position, host, model));
                }
            }
        }
        LifecycleReport {
            mode: self.config.lifecycle.mode,
            standby: self.managing.standby.clone(),
            actions_last_hour: self.managing.actions.len() as u32,
            max_actions_per_hour: self.config.lifecycle.max_actions_per_hour,
            saved_gb_hours_always_on: always / 3_600.0,
            saved_gb_hours_keep_alive: kept / 3_600.0,
            hosts: self.powers(now),
            models,
            actions: self.managing.acted.log.iter().cloned().collect(),
        }
    }

    fn told(
        &self,
        now: Millis,
        engaged: &Engaged<'_>,
        position: usize,
        host: &Host,
        model: &Model,
    ) -> LifecycleModel {
        let expected = self.expected(&model.name);
        let resident = model.residency != Residency::Cold;
        let held = self.holding(host, model);
        let fate = if resident { Some(self.fate(engaged, position, model)) } else { None };
        let leaves = if let Some(Fate::Leaves(at)) = &fate { Some(*at) } else { None };
        let by = if held.learned { "its learned gaps of use" } else { "what its load is worth" };
        let why = match fate {
            None => format!("not in memory; {} to load", duration(held.load_s)),
            Some(Fate::InUse) => "in use, or about to be".to_owned(),
            Some(Fate::Kept(why)) => why.to_owned(),
            Some(Fate::Leaves(_)) if model.stay.absence.is_some() => "would have left".to_owned(),
            Some(Fate::Leaves(_)) => format!("held {} after its last use, by {by}", duration(held.hold_s)),
        };
        LifecycleModel {
            host: host.config.id.clone(),
            model: model.name.clone(),
            resident,
            gb: held.gb,
            load_s: held.load_s,
            idle_s: model.stay.used.map(|used| seconds(used, now)),
            hold_s: held.hold_s,
            p95_gap_s: held.p95_gap_s,
            value_per_gb: value_per_gb(host, model, now),
            leaves_in_s: leaves.map(|at| seconds(now, at)),
            expected_in_s: expected.map(|at| seconds(now, at)),
            why,
        }
    }
}
