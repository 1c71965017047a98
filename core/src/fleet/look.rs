//! What a look at a host tells: whether it answers, its models, and which of them are in memory.

use std::collections::BTreeSet;

use crate::effect::{Effect, Source};
use crate::event::{HostReport, HostState, ModelTag, ResidentModel};
use crate::failure::FailureKind;
use crate::fleet::{Contact, Device, Host, Model};
use crate::learn::SeenModel;
use crate::names::{Millis, ModelName};

impl Host {
    /// A look begins: what to look at, and how long that may take.
    pub(crate) fn begin_look(&mut self, now: Millis) -> Effect {
        (self.looking, self.suspect) = (Some(now), false);
        let source = Source::Host { host: self.config.id.clone() };
        Effect::Refresh { source, within_ms: self.pace.within_ms() }
    }

    /// When the look that is under way is forgotten, if it has brought no event by then.
    pub(crate) fn look_lost_at(&self) -> Option<Millis> {
        self.looking.map(|since| since.plus(self.pace.lost_ms()))
    }

    /// A look has ended, in whatever way; gives when it had begun, where it was asked for.
    pub(crate) fn end_look(&mut self, now: Millis, state: &HostState) -> Option<Millis> {
        self.looked = now;
        let since = self.looking.take()?;
        let took_ms = now.since(since);
        match state {
            HostState::Up(_) => self.pace.answered(took_ms),
            HostState::Down(failure)
                if failure.kind == FailureKind::ConnectTimeout
                    && took_ms >= u64::from(self.pace.within_ms()) * 9 / 10 =>
            {
                self.pace.was_late();
            }
            HostState::Down(_) => {}
        }
        Some(since)
    }

    /// Takes in a look that succeeded. Parts it lacks keep their last value.
    pub(crate) fn take(&mut self, now: Millis, report: HostReport) {
        self.contact = Contact::Up;
        self.breaker.reached(now);
        if report.version.is_some() {
            if self.version != report.version {
                self.lacks.clear();
            }
            self.version = report.version;
        }
        if let Some(tags) = report.models {
            self.take_tags(tags);
            self.estimate();
        }
        if let Some(resident) = report.resident {
            self.resident_seen = now;
            self.take_room(now, &resident);
            self.take_device(&resident);
            let device = self.device;
            for model in self.models.iter_mut().map(|(_, model)| model) {
                let seen = model.settle_residency(now, &resident, device);
                if let Some(context) = seen.context {
                    self.own_context = Some(context);
                }
                if let Some(seconds) = seen.keep_alive_s {
                    self.own_keep_alive.observe(seconds);
                }
                model.failing = model.reliability.failure_probability(now);
            }
            self.estimate();
        }
    }

    /// A host that shows its first model on a GPU is of another class than was thought: what was learned of it without one
    /// tells how fast it is with it.
    fn take_device(&mut self, resident: &[ResidentModel]) {
        let before = self.device;
        self.device = before.after(resident);
        if before == Device::Cpu && self.device == Device::Gpu {
            let by_ln = libm::log(self.device.factor());
            self.decode_speed.shift(by_ln);
            self.prefill_speed.shift(by_ln);
        }
    }

    /// The set of models in memory tells how much memory there is.
    fn take_room(&mut self, now: Millis, resident: &[ResidentModel]) {
        let current: Vec<SeenModel> = resident.iter().map(|seen| self.seen(now, seen)).collect();
        let looked = self.room.looked();
        // Two names of one model share a runner, which is listed by one of them.
        let is_listed = |model: &Model| resident.iter().any(|seen| model.is_run_by(seen));
        let is_hidden = |model: &&Model| {
            let held = model.last_resident.is_some_and(|at| at > looked);
            held && !is_listed(model) && !self.room.showed(&model.name)
        };
        let hidden = self.models.values().map(Box::as_ref).filter(is_hidden).map(|model| {
            let bytes = self.needed_bytes(model, 0);
            let stays_ms = u64::from(model.kept_s(self.likely_keep_alive_s())) * 1_000;
            // Where its client said how long it stays, or it was unloaded, it tells nothing of room.
            let left_to_host = model.keep_alive_s.is_some() || model.keep_alive_unsaid.is_some();
            let stays_ms = if left_to_host { stays_ms } else { 0 };
            let expires = model.last_resident.map(|at| at.plus(stays_ms));
            SeenModel { name: model.name.clone(), bytes, gpu_bytes: bytes, expires }
        });
        let hidden: Vec<SeenModel> = hidden.collect();
        self.room.observe(now, current, self.config.max_loaded as usize, &hidden);
    }

    /// One of the models in memory, and how long it would stay there by itself.
    fn seen(&self, now: Millis, seen: &ResidentModel) -> SeenModel {
        let name = ModelName::from(seen.name.as_str());
        let kept_s = self
            .models
            .get(&name)
            .map_or_else(|| self.likely_keep_alive_s(), |model| model.kept_s(self.likely_keep_alive_s()));
        // While a model is at work, the host states a moment that has passed.
        let told_s = seen.expires_in_s.filter(|left_s| *left_s > 0.0).unwrap_or(f64::INFINITY);
        let stays_ms = (f64::from(kept_s).min(told_s) * 1e3) as u64;
        SeenModel {
            name,
            bytes: seen.size_bytes as f64,
            gpu_bytes: seen.vram_bytes.min(seen.size_bytes) as f64,
            expires: (!seen.pinned).then(|| now.plus(stays_ms)),
        }
    }

    fn take_tags(&mut self, tags: Vec<ModelTag>) {
        let listed: BTreeSet<&str> = tags.iter().map(|tag| tag.name.as_str()).collect();
        self.models.retain(|name, _| listed.contains(name.as_str()));
        for tag in tags {
            let name = ModelName::from(tag.name.as_str());
            if let Some(model) = self.models.get_mut(&name) {
                model.update(tag);
                continue;
            }
            let mut model = Model::new(tag);
            if let Some(remembered) = self.remembered.remove(&name) {
                remembered.recall(&mut model);
            }
            self.models.insert(name, Box::new(model));
        }
    }
}
