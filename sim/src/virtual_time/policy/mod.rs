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

use smart_ai_core::Tuning;

use super::truth::{Occurrence, Truth};

pub use at_once::{Arm, Rule};

/// Everything that may decide.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Policy {
    /// Smart AI as it is.
    Smart,
    /// Smart AI without look-ahead.
    Greedy,
    /// Smart AI with other weights.
    Tuned(Tuning),
    /// The class's first model on the fastest host.
    Static,
    /// Fewest calls under way.
    LeastConnections,
    /// A host that has the model in memory.
    WarmFirst,
    /// Decayed latency times calls under way.
    PeakEwma,
    /// LiteLLM's `latency-based-routing`.
    LitellmLatency,
    /// LiteLLM's `least-busy`.
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
    /// Every policy that can be asked for by name.
    pub const ALL: [(&'static str, Self); 12] = [
        ("smart", Self::Smart),
        ("static", Self::Static),
        ("least-connections", Self::LeastConnections),
        ("warm-first", Self::WarmFirst),
        ("peak-ewma", Self::PeakEwma),
        ("litellm-latency", Self::LitellmLatency),
        ("litellm-least-busy", Self::LitellmLeastBusy),
        ("herd", Self::Herd),
        ("random", Self::Random),
        ("greedy", Self::Greedy),
        ("oracle", Self::Oracle),
        ("clairvoyant", Self::Clairvoyant),
    ];

    /// The policy of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, policy)| policy)
    }

    pub(super) fn player(self, truth: &Truth<'_>, seed: u64) -> Box<dyn Player> {
        let rule: Box<dyn Rule> = match self {
            Self::Smart => return Box::new(smart::Smart::new(truth, seed, |_| {})),
            Self::Greedy => {
                return Box::new(smart::Smart::new(truth, seed, |config| {
                    config.look_ahead = smart_ai_core::LookAhead::Off;
                }));
            }
            Self::Tuned(tuning) => {
                return Box::new(smart::Smart::new(truth, seed, |config| {
                    config.look_ahead = smart_ai_core::LookAhead::Off;
                    config.tuning = tuning;
                }));
            }
            Self::Static => Box::new(static_choice::Static),
            Self::LeastConnections => Box::new(least_connections::LeastConnections),
            Self::WarmFirst => Box::new(warm_first::WarmFirst),
            Self::PeakEwma => Box::new(peak_ewma::PeakEwma::default()),
            Self::LitellmLatency => Box::new(litellm::Latency::new(seed)),
            Self::LitellmLeastBusy => Box::new(litellm::LeastBusy::new(seed)),
            Self::Herd => Box::new(herd::Herd::default()),
            Self::Random => Box::new(random::Any::new(seed)),
            Self::Oracle => Box::new(oracle::Oracle),
            Self::Clairvoyant => Box::new(clairvoyant::Clairvoyant),
        };
        Box::new(at_once::AtOnce::new(rule))
    }
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
