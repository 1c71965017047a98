//! One Ollama server: whether it answers, its models, its speed.

use std::collections::BTreeMap;

use crate::config::HostConfig;
use crate::event::SignalName;
use crate::failure::Failure;
use crate::fleet::{
    Breaker, Device, Inquiries, Interest, Model, OwnKeepAlive, Pace, Power, PowerPhase, Rates, Residency,
    Signals, load_rates,
};
use crate::learn::{Change, LogMean, Reliability, Room, Sharing, Slots, Slowing};
use crate::lifecycle::Gaps;
use crate::names::{Millis, ModelName};

/// Seconds over which the share of our own work is averaged, about a metric's own window.
pub(crate) const OWN_BUSY_MEMORY_S: f64 = 30.0;
/// The share of time at work for us above which the CPU's metric tells nothing of other programs.
const TELLING_OWN_BUSY: f64 = 0.2;

/// Seconds an idle model stays where the owner of the server says nothing.
pub(crate) const DEFAULT_KEEP_ALIVE_S: u32 = 300;

/// Milliseconds between two looks at a host that is gone, while a job waits for it.
pub(crate) const RETURN_MS: u64 = 1_000;

/// What the last look at a host showed.
#[derive(Clone, Debug, Default)]
pub(crate) enum Contact {
    /// Nobody has looked yet.
    #[default]
    Never,
    Up,
    Down(Failure),
}

/// Speeds against the priors of the hosts that are known, geometric means.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Typical {
    pub(crate) decode: f64,
    pub(crate) prefill: f64,
    pub(crate) load: f64,
}

impl Default for Typical {
    fn default() -> Self {
        Self { decode: 1.0, prefill: 1.0, load: 1.0 }
    }
}

/// What was learned of a model on a host.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Remembered {
    pub(crate) prefill: LogMean,
    pub(crate) decode: LogMean,
    pub(crate) reliability: Reliability,
    pub(crate) gaps: Gaps,
}

impl Remembered {
    pub(crate) fn of(model: &Model) -> Self {
        let Model { prefill, decode, reliability, .. } = *model;
        Self { prefill, decode, reliability, gaps: model.stay.gaps }
    }

    pub(crate) fn recall(self, model: &mut Model) {
        (model.prefill, model.decode, model.reliability) = (self.prefill, self.decode, self.reliability);
        model.stay.gaps = self.gaps;
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) config: HostConfig,
    /// Its place among all hosts by name.
    pub(crate) place: usize,
    pub(crate) contact: Contact,
    /// When the last look ended.
    pub(crate) looked: Millis,
    /// Something failed: look at it as soon as possible.
    pub(crate) suspect: bool,
    /// A look is under way since then.
    pub(crate) looking: Option<Millis>,
    /// The look that is under way began before the machine slept: that it fails says nothing of the host.
    pub(crate) looked_asleep: bool,
    /// How long looks at it take.
    pub(crate) pace: Pace,
    pub(crate) version: Option<String>,
    /// When a look last told what is in memory.
    pub(crate) resident_seen: Millis,
    /// Starts and stops of it.
    pub(crate) power: Power,
    pub(crate) models: BTreeMap<ModelName, Box<Model>>,
    /// What it is asked about its models.
    pub(crate) inquiries: Inquiries,
    pub(crate) signals: Signals,
    /// What it computes on, as far as it shows.
    pub(crate) device: Device,
    /// How much memory it has for models, as far as the sets that were loaded together tell.
    pub(crate) room: Room,
    pub(crate) breaker: Breaker,
    /// Routes it was found not to have, and until when that is believed.
    pub(crate) lacks: BTreeMap<String, Millis>,
    /// Seconds an idle model stays, as the host itself decides; learned from models that were called without a `keep_alive`.
    pub(crate) own_keep_alive: OwnKeepAlive,
    /// Tokens of context it gives a model when neither the model nor a call says so; learned alike.
    pub(crate) own_context: Option<u32>,
    /// It or one of its models has failed, and may be on trial since.
    pub(crate) failed: bool,
    /// The model that is asked for one token, and since when.
    pub(crate) canary: Option<(ModelName, Millis)>,
    /// When a piece of an answer last came from it: the only proof that it works.
    pub(crate) moved: Millis,
    /// Decode speed against the prior, pooled over its models: one model teaches the others.
    pub(crate) decode_speed: LogMean,
    /// Prefill speed, as a factor of the prior.
    pub(crate) prefill_speed: LogMean,
    /// What the other hosts tell of a host that is not known yet.
    pub(crate) typical: Typical,
    /// Surprises of its decode speed.
    pub(crate) change: Change,
    /// Load speed against the prior, whatever the file's place.
    pub(crate) load_speed: LogMean,
    /// Bytes a second while loading from disk.
    pub(crate) load_rate: LogMean,
    /// Bytes a second while loading a model that was in memory a while ago: the system still has its file cached.
    pub(crate) reload_rate: LogMean,
    /// Bytes a second that a load is expected to read: from disk, and from the system's cache.
    pub(crate) load_bytes_per_s: (f64, f64),
    /// Positions of the other servers on the same machine, in order.
    pub(crate) neighbours: Vec<usize>,
    /// How much slower its answers are while other servers work.
    pub(crate) slowing: Slowing,
    /// Seconds so far in which calls of ours were at work on this server.
    pub(crate) worked_s: f64,
    /// How much its busy runners take from one another.
    pub(crate) sharing: Sharing,
    /// How much the calls in the slots of one of its runners take from one another.
    pub(crate) batching: Sharing,
    /// How many calls a runner answers at a time, as far as its answers tell.
    pub(crate) found_slots: Slots,
    /// Share of the last half minute in which calls of ours were at work on the machine.
    pub(crate) own_busy: f64,
    /// Share of the CPU that processes which are not ours took, when last it could be told, and when that was.
    pub(crate) foreign_busy: Option<(f64, Millis)>,
    /// Learned of models not seen since a restart.
    pub(crate) remembered: BTreeMap<ModelName, Remembered>,
}

impl Host {
    pub(crate) fn new(config: HostConfig) -> Self {
        Self {
            config,
            place: 0,
            contact: Contact::Never,
            looked: Millis(0),
            suspect: false,
            looking: None,
            looked_asleep: false,
            pace: Pace::default(),
            version: None,
            resident_seen: Millis(0),
            power: Power::default(),
            models: BTreeMap::new(),
            inquiries: Inquiries::default(),
            signals: Signals::default(),
            device: Device::default(),
            room: Room::default(),
            breaker: Breaker::default(),
            lacks: BTreeMap::new(),
            own_keep_alive: OwnKeepAlive::default(),
            own_context: None,
            failed: false,
            canary: None,
            moved: Millis(0),
            decode_speed: LogMean::default(),
            prefill_speed: LogMean::default(),
            typical: Typical::default(),
            load_speed: LogMean::default(),
            change: Change::default(),
            load_rate: LogMean::default(),
            reload_rate: LogMean::default(),
            load_bytes_per_s: load_rates(&LogMean::default(), &LogMean::default(), 1.0),
            neighbours: Vec::new(),
            slowing: Slowing::default(),
            worked_s: 0.0,
            sharing: Sharing::default(),
            batching: Sharing::default(),
            found_slots: Slots::default(),
            own_busy: 0.0,
            foreign_busy: None,
            remembered: BTreeMap::new(),
        }
    }

    /// Whether it was found lately not to have the route.
    pub(crate) fn lacks_route(&self, now: Millis, route: Option<&str>) -> bool {
        self.lacks.get(route.unwrap_or_default()).is_some_and(|until| now < *until)
    }

    /// Seconds an idle model stays there: what the owner told, else what was learned; `None` while nobody knows.
    pub(crate) fn keep_alive_s(&self) -> Option<u32> {
        self.config.keep_alive_s.or_else(|| self.own_keep_alive.known())
    }

    /// Seconds an idle model is believed to stay there, Ollama's default where nobody knows.
    pub(crate) fn likely_keep_alive_s(&self) -> u32 {
        self.keep_alive_s().unwrap_or(DEFAULT_KEEP_ALIVE_S)
    }

    /// Works out anew what follows from what was learned: the rates of every model.
    pub(crate) fn estimate(&mut self) {
        let (speed, device) = (Rates::speed(self), self.device);
        for model in self.models.values_mut() {
            model.rates = Rates::of(speed, device, model);
        }
        self.load_bytes_per_s = load_rates(&self.load_rate, &self.reload_rate, self.typical.load);
    }

    /// `busy` runners were at work on the machine, `own` of them on this server. The last half minute is new by `new_share`.
    pub(crate) fn advance(&mut self, elapsed_s: f64, new_share: f64, busy: usize, own: usize) {
        if own > 0 {
            self.worked_s += elapsed_s;
        }
        let at_work = f64::from(u8::from(busy > 0));
        self.own_busy += (at_work - self.own_busy) * new_share;
    }

    /// Calls that one of its models is sent at a time: as its owner tells, else as was found out, with those that try for more.
    pub(crate) fn slots(&self, now: Millis) -> u32 {
        self.config.parallel.unwrap_or_else(|| self.found_slots.open(now))
    }

    /// Calls that one of its models is known to answer at a time.
    pub(crate) fn known_slots(&self) -> u32 {
        self.config.parallel.unwrap_or_else(|| self.found_slots.known())
    }

    /// What the CPU does beside our calls; while they keep it busy, nobody can tell, and the last value stands.
    pub(crate) fn tell_foreign_load(&mut self, now: Millis, stale_after_ms: u64) {
        let busy = self.signals.fresh(now, stale_after_ms, SignalName::CpuBusyRatio);
        if let Some(busy) = busy.filter(|_| self.own_busy < TELLING_OWN_BUSY) {
            self.foreign_busy = Some(((busy - self.own_busy).max(0.0), now));
        }
    }

    /// Asks anew about the models without details: first those that `is_named` by a job, then those `configured` or loaded.
    pub(crate) fn inquire(
        &mut self,
        now: Millis,
        is_named: impl Fn(&ModelName) -> bool,
        configured: &[ModelName],
    ) {
        let interest = |model: &Model| match model.residency {
            _ if is_named(&model.name) => Interest::Wanted,
            Residency::Resident { .. } => Interest::Likely,
            Residency::Cold if configured.contains(&model.name) => Interest::Likely,
            Residency::Cold => Interest::Other,
        };
        let unknown = self.models.values().filter(|model| model.details.is_none() && !model.tag.remote);
        let unknown = unknown.map(|model| (interest(model), model.name.clone()));
        self.inquiries.renew(now, self.pace.lost_ms(), unknown);
    }

    /// Seconds until it answers, where it is asleep and may be started, is being started, or is being stopped; `None` where it is up,
    /// or nobody can tell.
    pub(crate) fn rises_in_s(&self, now: Millis) -> Option<f64> {
        let start = self.config.start.as_ref().filter(|_| self.power.may_start)?;
        let asleep = match &self.contact {
            Contact::Down(_) => self.is_gone(),
            Contact::Up => matches!(self.power.phase, PowerPhase::Stopping(_)),
            Contact::Never => false,
        };
        if asleep { self.power.rises_in_s(now, start) } else { None }
    }

    /// No connection to it can be made.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(&self.contact, Contact::Down(failure) if failure.kind.is_of_connection())
    }

    /// A start of ours is under way.
    pub(crate) fn is_starting(&self) -> bool {
        matches!(self.power.phase, PowerPhase::Starting(_))
    }

    /// It runs no more: nothing is in its memory.
    pub(crate) fn fell(&mut self, failure: Failure) {
        if self.config.start.is_some() && failure.kind.is_of_connection() {
            if self.power.up_since.take().is_some() {
                self.power.told = None;
            }
            for model in self.models.values_mut() {
                model.residency = Residency::Cold;
                (model.stay.since, model.stay.expires) = (None, None);
                model.prompts.clear();
            }
        }
        self.contact = Contact::Down(failure);
    }

    /// When it may be called again, where that can be told: it served before, or only rests.
    pub(crate) fn returns(&self, now: Millis) -> Option<Millis> {
        match self.contact {
            Contact::Up => Some(self.breaker.opens()),
            Contact::Down(_) if !self.models.is_empty() => Some(now.plus(RETURN_MS)),
            Contact::Down(_) | Contact::Never => None,
        }
    }

    /// Whether the first look is still to come, or the details of a model that `matters`.
    pub(crate) fn is_settling(&self, matters: impl Fn(&ModelName) -> bool) -> bool {
        match self.contact {
            Contact::Never => true,
            Contact::Up => self.inquiries.awaited().any(matters),
            Contact::Down(_) => false,
        }
    }

    /// Whether an exporter's `instance` label means this host: the whole label, or its part before the port.
    pub(crate) fn is_instance(&self, label: &str) -> bool {
        let Some(own) = self.config.instance.as_deref() else { return false };
        own == label || label.rsplit_once(':').is_some_and(|(name, _)| name == own)
    }

    /// Bytes of every loaded model.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let bytes = |model: &Model| match model.residency {
            Residency::Cold => 0,
            Residency::Resident { bytes, .. } => bytes,
        };
        self.models.values().map(|model| bytes(model)).fold(0, u64::saturating_add)
    }
}
