//! What happens to hosts during a run: changes of speed, faults, other processes, hosts that join later.

use serde::{Deserialize, Serialize};

use super::Host;
use super::range::{Checked, refuse, within};

/// A change of speed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpeedChange {
    /// Fraction of the run.
    pub from: f64,
    /// Fraction of the run.
    pub to: f64,
    /// Whose.
    pub host: String,
    /// Speed is multiplied by this.
    pub factor: f64,
}

/// A fault.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Fraction of the run.
    pub from: f64,
    /// Fraction of the run.
    pub to: f64,
    /// Whose.
    pub host: String,
    /// What.
    pub kind: FaultKind,
}

/// What can go wrong with a host.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Connections are refused; calls under way break.
    Down,
    /// Connections are taken, nothing moves.
    Hang,
    /// New calls get 503.
    Busy,
    /// A call of a model that is not loaded gets an out-of-memory error.
    Oom,
    /// Calls under way when it begins break in mid-stream, and new ones soon after their first token.
    Cut,
    /// A fifth of the speed.
    Slow,
}

/// Another process.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForeignLoad {
    /// Fraction of the run.
    pub from: f64,
    /// Fraction of the run.
    pub to: f64,
    /// Whose.
    pub host: String,
    /// Share of the CPU it takes.
    #[serde(default)]
    pub cpu: f64,
    /// Memory it takes.
    #[serde(default)]
    pub memory_gb: f64,
}

/// A host that joins later.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// Which.
    pub host: String,
    /// Fraction of the run.
    pub at: f64,
}

impl SpeedChange {
    pub(super) fn check(&self, place: &str, hosts: &[Host]) -> Checked {
        check_span(place, (self.from, self.to), &self.host, hosts)?;
        within(format!("{place}.factor"), self.factor, 1e-3, 1e3)
    }
}

impl Fault {
    pub(super) fn check(&self, place: &str, hosts: &[Host]) -> Checked {
        check_span(place, (self.from, self.to), &self.host, hosts)
    }
}

impl ForeignLoad {
    pub(super) fn check(&self, place: &str, hosts: &[Host]) -> Checked {
        check_span(place, (self.from, self.to), &self.host, hosts)?;
        within(format!("{place}.cpu"), self.cpu, 0.0, 0.99)?;
        within(format!("{place}.memory_gb"), self.memory_gb, 0.0, 1e6)
    }
}

impl Join {
    pub(super) fn check(&self, place: &str, hosts: &[Host]) -> Checked {
        check_span(place, (self.at, 1.0), &self.host, hosts)
    }
}

/// Refuses a span that is no part of the run, and a host that nobody has named.
fn check_span(place: &str, (from, to): (f64, f64), host: &str, hosts: &[Host]) -> Checked {
    within(format!("{place}.from"), from, 0.0, 1.0)?;
    within(format!("{place}.to"), to, from, 1.0)?;
    if hosts.iter().any(|known| known.id == host) {
        return Ok(());
    }
    Err(refuse(format!("{place}.host"), format!("no host is called \"{host}\"")))
}
