//! Who decides: Smart AI, the rules of its peers, and two references that know the truth.
//!
//! Peers' rules are written from their documented behaviour; each file names its source. They stand for the rule, not the product.

mod at_once;
mod clairvoyant;
mod herd;
mod least_connections;
mod litellm;
mod oracle;
mod peak_ewma;
mod random;
mod smart;
mod static_choice;
mod warm_first;

use serde_json::{Map, Value};
use smart_ai_core::{LookAhead, Tuning};

use super::truth::{Occurrence, Truth};

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
            _ => Self::OTHERS.into_iter().find(|(known, _)| *known == name).map(|(_, policy)| policy),
        }
    }

    pub(super) fn player(self, truth: &Truth<'_>, seed: u64) -> Box<dyn Player> {
        let rule: Box<dyn Rule> = match self {
            Self::Smart(look_ahead, tuning, metrics) => {
                return Box::new(smart::Smart::new(truth, seed, look_ahead, tuning, metrics));
            }
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
