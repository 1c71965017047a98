//! Who decides: Smart AI, the rules of its peers, and two references that know the truth.
//!
//! Peers' rules are written from their documented behaviour; each file names its source. They stand for the rule, not the product.

mod at_once;
mod clairvoyant;
mod herd;
mod idle;
mod least_connections;
mod litellm;
mod oracle;
mod peak_ewma;
mod random;
mod sablier;
mod smart;
mod static_choice;
mod warm_first;

use serde_json::{Map, Value};
use smart_ai_core::{LifecycleConfig, LifecycleMode, LookAhead, Tuning};

use super::truth::{KEEP_ALIVE_S, Occurrence, Truth};

pub use at_once::{Arm, Rule};

/// Everything that may decide.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Policy {
    /// Smart AI: with or without look-ahead, its weights, and whether it sees the metrics there are.
    Smart(LookAhead, Tuning, bool),
    /// The class's first model on the fastest host.
    Static,
    /// Fewest calls under way.
    LeastConnections,
    /// A host that has the model in memory.
    WarmFirst,
    /// Decayed latency times calls under way.
    PeakEwma,
    /// `LiteLLM`'s `latency-based-routing`.
    LitellmLatency,
    /// `LiteLLM`'s `least-busy`.
    LitellmLeastBusy,
    /// Ollama Herd's points.
    Herd,
    /// Any arm.
    Random,
    /// True state, sizes and rates; this job and its harm to others.
    Oracle,
    /// Plays the true next arrivals.
    Clairvoyant,
    /// Smart AI's choices on hosts that keep an idle model for this many seconds.
    KeepAlive(f64),
    /// Smart AI's choices on hosts that Sablier starts, and stops this many seconds after the last request.
    Sablier(f64),
    /// Smart AI's choices, and models that come and go by somebody who knows their next use.
    ClairvoyantIdle,
}

impl Policy {
    /// The policies that peers stand for, and the references, by name. `smart` and `greedy` (without look-ahead) come besides.
    pub const OTHERS: [(&'static str, Self); 10] = [
        ("static", Self::Static),
        ("least-connections", Self::LeastConnections),
        ("warm-first", Self::WarmFirst),
        ("peak-ewma", Self::PeakEwma),
        ("litellm-latency", Self::LitellmLatency),
        ("litellm-least-busy", Self::LitellmLeastBusy),
        ("herd", Self::Herd),
        ("random", Self::Random),
        ("oracle", Self::Oracle),
        ("clairvoyant", Self::Clairvoyant),
    ];

    /// The policy of that name. Smart AI's own takes other weights behind a colon, and `metrics=off`, which leaves it Ollama
    /// alone: `greedy:hold=false+age=0.1`.
    pub fn named(name: &str) -> Option<Self> {
        let (own, weights) = name.split_once(':').unwrap_or((name, ""));
        let blind = weights.split('+').any(|weight| weight == BLIND);
        match own {
            "smart" => Some(Self::Smart(LookAhead::Auto, tuning(weights)?, !blind)),
            "greedy" => Some(Self::Smart(LookAhead::Off, tuning(weights)?, !blind)),
            "always-on" if weights.is_empty() => Some(Self::KeepAlive(idle::FOR_EVER_S)),
            "clairvoyant-idle" if weights.is_empty() => Some(Self::ClairvoyantIdle),
            // llama-swap's `ttl` counts from the last use, as Ollama's keep-alive does.
            "keep-alive" | "ttl" => {
                let seconds: f64 = weights.parse().ok()?;
                (0.0..=idle::FOR_EVER_S).contains(&seconds).then_some(Self::KeepAlive(seconds))
            }
            "sablier" => {
                let seconds: f64 = weights.parse().ok()?;
                (1.0..=idle::FOR_EVER_S).contains(&seconds).then_some(Self::Sablier(seconds))
            }
            _ => Self::OTHERS.into_iter().find(|(known, _)| *known == name).map(|(_, policy)| policy),
        }
    }

    /// Seconds that the hosts keep an idle model by themselves.
    pub(super) fn keep_alive_s(self) -> f64 {
        match self {
            Self::KeepAlive(seconds) => seconds,
            Self::ClairvoyantIdle => idle::FOR_EVER_S,
            Self::Smart(..)
            | Self::Sablier(_)
            | Self::Static
            | Self::LeastConnections
            | Self::WarmFirst
            | Self::PeakEwma
            | Self::LitellmLatency
            | Self::LitellmLeastBusy
            | Self::Herd
            | Self::Random
            | Self::Oracle
            | Self::Clairvoyant => KEEP_ALIVE_S,
        }
    }

    pub(super) fn player(self, truth: &Truth<'_>, seed: u64) -> Box<dyn Player> {
        let weeks = !truth.scenario.patterns.is_empty();
        let alone = || {
            // What hosts do by themselves is left to them.
            let tuning = Tuning { keep_alive: 0.0, ..Tuning::default() };
            smart::Smart::new(truth, seed, LookAhead::Off, tuning, true, None)
        };
        let rule: Box<dyn Rule> = match self {
            Self::Smart(look_ahead, tuning, metrics) => {
                let lifecycle = weeks.then(on);
                return Box::new(smart::Smart::new(truth, seed, look_ahead, tuning, metrics, lifecycle));
            }
            Self::KeepAlive(_) => return Box::new(alone()),
            Self::Sablier(session_s) => {
                let tuning = Tuning { keep_alive: 0.0, ..Tuning::default() };
                let smart = smart::Smart::new(truth, seed, LookAhead::Off, tuning, true, Some(starts_only()));
                let hosts = truth.scenario.hosts.len();
                return Box::new(sablier::Sablier::new(smart, session_s, hosts));
            }
            Self::ClairvoyantIdle => return Box::new(idle::ClairvoyantIdle::new(alone())),
            Self::Static => Box::new(static_choice::Static),
            Self::LeastConnections => Box::new(least_connections::LeastConnections),
            Self::WarmFirst => Box::new(warm_first::WarmFirst),
            Self::PeakEwma => Box::new(peak_ewma::PeakEwma::default()),
            Self::LitellmLatency => Box::new(litellm::Latency::new(seed)),
            Self::LitellmLeastBusy => Box::new(litellm::LeastBusy),
            Self::Herd => Box::new(herd::Herd::default()),
            Self::Random => Box::new(random::Any::new(seed)),
            Self::Oracle => Box::new(oracle::Oracle),
            Self::Clairvoyant => Box::new(clairvoyant::Clairvoyant),
        };
        Box::new(at_once::AtOnce::new(rule))
    }
}

/// Models come and go by themselves.
fn on() -> LifecycleConfig {
    LifecycleConfig { mode: LifecycleMode::On, ..LifecycleConfig::default() }
}

/// Hosts are started for those who wait; nothing else is done to them or their models.
fn starts_only() -> LifecycleConfig {
    LifecycleConfig { max_actions_per_hour: 0, prewarm: false, ..on() }
}

/// Leaves out the metrics of a scenario that has them.
const BLIND: &str = "metrics=off";

/// Weights as `name=value` with `+` between them.
fn tuning(weights: &str) -> Option<Tuning> {
    let mut keys = Map::new();
    for weight in weights.split('+').filter(|weight| !weight.is_empty() && *weight != BLIND) {
        let (name, value) = weight.split_once('=')?;
        keys.insert(name.to_owned(), serde_json::from_str(value).ok()?);
    }
    serde_json::from_value(Value::Object(keys)).ok()
}

/// Something that answers jobs by calling arms.
pub(super) trait Player {
    /// A job has come.
    fn arrive(&mut self, truth: &mut Truth<'_>, job: usize);
    /// Something happened to a call.
    fn occur(&mut self, truth: &mut Truth<'_>, occurrence: Occurrence);
    /// When it wants to be woken.
    fn wake_at(&self) -> f64;
    /// The time it asked for has come.
    fn wake(&mut self, truth: &mut Truth<'_>);
}
