//! Hosts that start when somebody needs them and stop when nobody does: one start for all who wait, and no stop while anything is
//! in flight, in memory, or in doubt.

use crate::dispatch::Dispatcher;
use crate::dispatch::job::JobState;
use crate::effect::Effect;
use crate::failure::{Failure, FailureKind};
use crate::fleet::{Contact, Host, PowerPhase, Residency};
use crate::lifecycle::{
    Holding, LifecycleActionKind, LifecycleHost, LifecycleMode, PowerState, StartConfig, duration, holding,
    seconds,
};
use crate::names::{HostId, Millis, ModelName};

/// Milliseconds a stop may take.
const STOP_MS: u32 = 120_000;
/// Milliseconds after a stop should have ended at which it is forgotten if the driver has told nothing of it.
const LOST_MS: u64 = 30_000;
/// Milliseconds: a host is not stopped if a `prepare` asks for one of its models within this time.
const SOON_MS: u64 = 600_000;
/// Milliseconds between two looks at a host whose models only other clients let go, to see whether they have.
const LOOK_MS: u64 = 60_000;

/// Why a host is started.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rousing<'a> {
    /// A job waits for this model.
    Wanted(&'a ModelName),
    /// Nobody knows what models it has, and no other host can serve a job.
    Unknown,
    /// A caller asked for a model to be prepared.
    Prepared,
    /// A use of this model is expected, in this many seconds.
    Expected(&'a ModelName, f64),
}

impl Rousing<'_> {
    fn words(self) -> String {
        match self {
            Self::Wanted(model) => format!("a request waits for {model}"),
            Self::Unknown => "a request waits, and no host that runs can serve it".to_owned(),
            Self::Prepared => "a caller asked for a model to be prepared".to_owned(),
            Self::Expected(model, in_s) => format!("{model} is expected to be used in {}", duration(in_s)),
        }
    }
}

/// What becomes of a host that runs.
enum Rest {
    /// It runs on.
    Runs(&'static str),
    /// It is stopped then, unless it is used.
    Stops(Millis),
}

impl Dispatcher {
    /// Starts a host that sleeps, once for all who wait. Returns whether it sleeps, or is starting or stopping.
    pub(super) fn rouse(&mut self, position: usize, why: Rousing<'_>) -> bool {
        let now = self.now;
        let Some(host) = self.fleet.hosts.get_mut(position) else { return false };
        let (Some(_), Some(start)) = (host.rises_in_s(now), &host.config.start) else { return false };
        if host.power.phase != PowerPhase::Steady {
            return true;
        }
        let id = host.config.id.clone();
        let reason =
            format!("{id} starts: {}; {} to start", why.words(), duration(host.power.start_s(start)));
        let within_ms = start.ready_timeout_s.saturating_mul(1_000);
        host.power.phase = PowerPhase::Starting(now);
        self.log(LifecycleMode::On, LifecycleActionKind::Start, &id, None, reason);
        self.count_action();
        self.effects.push_back(Effect::StartHost { host: id, within_ms });
        true
    }

    /// In a dry run, says which hosts would be started for a job that finds no arm, once until they answer.
    pub(super) fn tell_starts(&mut self) {
        if self.config.lifecycle.mode != LifecycleMode::DryRun {
            return;
        }
        let now = self.now;
        let asleep =
            |host: &&mut Host| host.is_gone() && host.config.start.is_some() && host.power.told.is_none();
        let mut would: Vec<HostId> = Vec::new();
        for host in self.fleet.hosts.iter_mut().filter(asleep) {
            host.power.told = Some(now);
            would.push(host.config.id.clone());
        }
        for id in would {
            let reason = format!("{id} starts: {}", Rousing::Unknown.words());
            self.log(LifecycleMode::DryRun, LifecycleActionKind::Start, &id, None, reason);
        }
    }

    /// A start has ended: the host runs now, or not for this reason.
    pub(super) fn start_ended(&mut self, id: &HostId, failure: Option<&Failure>) {
        let Some(position) = self.fleet.hosts.iter().position(|host| host.config.id == *id) else { return };
        if !self.fleet.hosts.get(position).is_some_and(Host::is_starting) {
            return;
        }
        match failure {
            Some(failure) => self.start_failed(position, failure),
            None => {
                // Whether it answers is seen by a look.
                if let Some(host) = self.fleet.hosts.get_mut(position) {
                    host.suspect = true;
                }
            }
        }
    }

    fn start_failed(&mut self, position: usize, failure: &Failure) {
        let now = self.now;
        let Some(host) = self.fleet.hosts.get_mut(position) else { return };
        host.power.start_failed(now);
        let detail = format!("cannot be started: {}", failure.detail);
        host.fell(Failure::new(FailureKind::Unreachable, &detail));
        let id = host.config.id.clone();
        self.outcome(LifecycleActionKind::Start, &id, None, Some(failure));
    }

    /// A look shows that a host answers which was being started.
    pub(super) fn started(&mut self, id: &HostId) {
        self.outcome(LifecycleActionKind::Start, id, None, None);
    }

    /// The host was stopped, or not.
    pub(super) fn stop_ended(&mut self, id: &HostId, failure: Option<&Failure>) {
        let now = self.now;
        let Some(host) = self.fleet.host_mut(id) else { return };
        if !matches!(host.power.phase, PowerPhase::Stopping(_)) {
            return;
        }
        host.power.stop_ended(now, failure.is_none());
        if failure.is_some() {
            host.suspect = true;
        } else {
            host.fell(Failure::new(FailureKind::Unreachable, "stopped, as nobody used it"));
        }
        self.outcome(LifecycleActionKind::Stop, id, None, failure);
    }

    /// Ends the starts and stops that take too long.
    pub(super) fn check_starts(&mut self) {
        for position in 0..self.fleet.hosts.len() {
            let Some(host) = self.fleet.hosts.get(position) else { continue };
            let Some(start) =
                host.config.start.as_ref().filter(|_| ends_at(host).is_some_and(|at| at <= self.now))
            else {
                continue;
            };
            let id = host.config.id.clone();
            match host.power.phase {
                PowerPhase::Starting(_) => {
                    let detail =
                        format!("it was started and does not answer after {} s", start.ready_timeout_s);
                    self.start_failed(position, &Failure::new(FailureKind::ConnectTimeout, &detail));
                }
                PowerPhase::Stopping(_) => {
                    let failure = Failure::new(FailureKind::ConnectTimeout, "nothing was heard of the stop");
                    self.stop_ended(&id, Some(&failure));
                }
                PowerPhase::Steady => {}
            }
        }
    }

    /// When time alone ends a start or a stop.
    pub(super) fn next_start(&self) -> Option<Millis> {
        self.fleet.hosts.iter().filter_map(ends_at).min()
    }

    /// Stops the hosts that nobody uses: by the configured mode, also where all that is due was asked for, since outside `on` nothing
    /// would start one again.
    pub(super) fn stop_idle(&mut self, next: &mut Vec<Millis>) {
        let (now, mode) = (self.now, self.config.lifecycle.mode);
        if mode == LifecycleMode::Off {
            return;
        }
        // A job without an arm yet, or a model that is to be prepared, may want any host.
        let open = self.jobs.values().any(|job| matches!(job.state, JobState::Waiting(_)));
        let open = open || self.wants_within(SOON_MS);
        for position in 0..self.fleet.hosts.len() {
            let Some(host) = self.fleet.hosts.get(position) else { continue };
            let Some(start) = &host.config.start else { continue };
            if !matches!(host.contact, Contact::Up) || host.power.phase != PowerPhase::Steady {
                continue;
            }
            let told = host.power.told >= last_use(host) && host.power.told.is_some();
            match self.rest(position, host, start) {
                Rest::Runs(_) if start.exclusive && host.resident_bytes() > 0 => {
                    let again = host.resident_seen.plus(LOOK_MS);
                    if again <= now {
                        self.look_at(position, next);
                    } else {
                        next.push(again);
                    }
                }
                Rest::Runs(_) => {}
                Rest::Stops(at) if at > now => next.push(at),
                Rest::Stops(_) if open || told || !self.may_act(mode, next) => {}
                // What is in memory was told this very moment, or is asked for.
                Rest::Stops(_) if host.resident_seen == now => self.stop(mode, position),
                Rest::Stops(_) => self.look_at(position, next),
            }
        }
    }

    fn look_at(&mut self, position: usize, next: &mut Vec<Millis>) {
        let now = self.now;
        let Some(host) = self.fleet.hosts.get_mut(position) else { return };
        if host.look_lost_at().is_none_or(|lost| lost <= now) {
            let look = host.begin_look(now);
            self.effects.push_back(look);
        }
        next.extend(host.look_lost_at());
    }

    fn stop(&mut self, mode: LifecycleMode, position: usize) {
        let now = self.now;
        let Some(host) = self.fleet.hosts.get_mut(position) else { return };
        let Some(start) = &host.config.start else { return };
        let (id, start_s) = (host.config.id.clone(), host.power.start_s(start));
        let idle_s = last_use(host).map_or(0.0, |used| seconds(used, now));
        let reason = format!(
            "{id} stops: {:.1} GB, {} to start, last used {} ago",
            start.idle_gb,
            duration(start_s),
            duration(idle_s)
        );
        if mode == LifecycleMode::On {
            host.power.phase = PowerPhase::Stopping(now);
            self.count_action();
            self.effects.push_back(Effect::StopHost { host: id.clone(), within_ms: STOP_MS });
        } else {
            host.power.told = Some(now);
        }
        self.log(mode, LifecycleActionKind::Stop, &id, None, reason);
    }

    /// Whether a host runs on, or when it is stopped.
    fn rest(&self, position: usize, host: &Host, start: &StartConfig) -> Rest {
        if !start.exclusive {
            return Rest::Runs("others may use it: it is stopped only where exclusive is set");
        }
        let called = self.attempts.values().any(|attempt| attempt.host_position == position);
        let waited_for =
            self.jobs.values().filter_map(|job| job.wish.as_ref()).any(|wish| wish.position == position);
        let moving = self.loads.keys().any(|(at, _)| *at == position) || self.is_unloading(position);
        if called || waited_for || moving || host.canary.is_some() {
            return Rest::Runs("in use, or about to be");
        }
        if host.models.values().any(|model| model.residency != Residency::Cold) {
            return Rest::Runs("models are in its memory");
        }
        let stale = host.signals.any_stale(self.now, self.config.stale_after_ms());
        if self.config.metrics && (stale || self.metrics_failure.is_some()) {
            return Rest::Runs("its signals are stale");
        }
        let power = &host.power;
        let Some(up_since) = power.up_since else { return Rest::Runs("it has just been seen") };
        let least = up_since.plus(u64::from(start.min_up_s) * 1_000);
        let used = last_use(host).unwrap_or(up_since).max(up_since);
        let held = used.plus((self.host_holding(host, start).hold_s * 1e3) as u64);
        Rest::Stops(held.max(least).max(power.no_stop_before).max(power.reserved_until))
    }

    /// How long a host without models is held: a ski rental as of a model.
    fn host_holding(&self, host: &Host, start: &StartConfig) -> Holding {
        let power = &host.power;
        holding(&self.config.lifecycle, &power.gaps, 1.0, power.start_s(start), start.idle_gb * 1e9)
    }

    /// How the hosts stand that can be started and stopped.
    pub(super) fn powers(&self, now: Millis) -> Vec<LifecycleHost> {
        let startable = self.fleet.hosts.iter().enumerate();
        startable.filter_map(|(position, host)| self.power_told(now, position, host)).collect()
    }

    fn power_told(&self, now: Millis, position: usize, host: &Host) -> Option<LifecycleHost> {
        let start = host.config.start.as_ref()?;
        let state = match (&host.contact, host.power.phase) {
            (_, PowerPhase::Starting(_)) => PowerState::Starting,
            (_, PowerPhase::Stopping(_)) => PowerState::Stopping,
            (Contact::Never, PowerPhase::Steady) => PowerState::Unknown,
            (Contact::Up, PowerPhase::Steady) => PowerState::Up,
            (Contact::Down(_), PowerPhase::Steady) if host.rises_in_s(now).is_some() => PowerState::Asleep,
            (Contact::Down(_), PowerPhase::Steady) => PowerState::Down,
        };
        let rest = (state == PowerState::Up).then(|| self.rest(position, host, start));
        let held = self.host_holding(host, start);
        let why = match (&host.contact, &rest) {
            (_, Some(Rest::Runs(why))) => (*why).to_owned(),
            (_, Some(Rest::Stops(_))) => format!("held {} after its last use", duration(held.hold_s)),
            (Contact::Down(failure), None) if state == PowerState::Down => failure.detail.clone(),
            _ => match state {
                PowerState::Asleep => "started when a request is worth it".to_owned(),
                PowerState::Starting => "being started, and does not answer yet".to_owned(),
                PowerState::Stopping => "being stopped".to_owned(),
                PowerState::Unknown | PowerState::Up | PowerState::Down => "not looked at yet".to_owned(),
            },
        };
        let stops = if let Some(Rest::Stops(at)) = &rest { Some(*at) } else { None };
        Some(LifecycleHost {
            host: host.config.id.clone(),
            state,
            start_s: host.power.start_s(start),
            idle_gb: start.idle_gb,
            up_s: host.power.up_since.map(|since| seconds(since, now)),
            idle_s: last_use(host).map(|used| seconds(used, now)),
            stops_in_s: stops.map(|at| seconds(now, at)),
            why,
        })
    }
}

/// When anybody was last seen to use one of its models.
pub(super) fn last_use(host: &Host) -> Option<Millis> {
    host.models.values().filter_map(|model| model.stay.used).max()
}

/// When a start or a stop that is under way is given up.
fn ends_at(host: &Host) -> Option<Millis> {
    let start = host.config.start.as_ref()?;
    match host.power.phase {
        PowerPhase::Steady => None,
        PowerPhase::Starting(since) => Some(since.plus(u64::from(start.ready_timeout_s) * 1_000)),
        PowerPhase::Stopping(since) => Some(since.plus(u64::from(STOP_MS) + LOST_MS)),
    }
}
