//! Models that come and go by themselves: what was decided, what became of it, and what it has saved.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use prometheus_client::registry::Registry;
use smart_ai_core::{Arm, LifecycleActionKind, LifecycleMode, LifecycleReport, ModelName, PowerState};

use super::family::{Counts, Labels, Values, labels, register};

/// How a host may stand.
const STATES: [PowerState; 6] = [
    PowerState::Unknown,
    PowerState::Up,
    PowerState::Asleep,
    PowerState::Starting,
    PowerState::Stopping,
    PowerState::Down,
];

/// What is done to models.
const OF_MODELS: [LifecycleActionKind; 3] =
    [LifecycleActionKind::Unload, LifecycleActionKind::Prewarm, LifecycleActionKind::Prepare];

/// What is counted of comings and goings.
#[derive(Debug, Default)]
pub(super) struct Lifecycle {
    decisions: Counts,
    actions: Counts,
    saved: Values,
    power: Values,
    start_seconds: Values,
    modes: Values,
    acting: Values,
    counted: Values,
    cap: Values,
    told: Mutex<Told>,
}

/// What has been counted of the dispatcher's log.
#[derive(Debug, Default)]
struct Told {
    last: u64,
    /// Actions that have not ended.
    begun: BTreeSet<u64>,
}

impl Lifecycle {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let this = Self::default();
        let decisions = "Unloads, loads, starts and stops decided on, in a dry run too";
        register(registry, "ai_resource_decisions_total", decisions, this.decisions.clone());
        let actions = "Unloads, loads, starts and stops carried out";
        register(registry, "ai_optimization_actions_total", actions, this.actions.clone());
        let saved =
            "Memory times hours that models were not held for nothing; in a dry run, would not have been";
        register(registry, "smart_ai_saved_gb_hours", saved, this.saved.clone());
        let power =
            "1 for how a host stands that can be started: up, asleep, starting, stopping, down, unknown";
        register(registry, "smart_ai_host_power", power, this.power.clone());
        let start_seconds = "Seconds that the start of a host is expected to take";
        register(registry, "smart_ai_host_start_seconds", start_seconds, this.start_seconds.clone());
        let mode = "1 for whether models come and go by themselves: on, or dry-run";
        register(registry, "smart_ai_lifecycle_mode", mode, this.modes.clone());
        let acting = "1 if this program acts; 0 if another holds the lock";
        register(registry, "smart_ai_lifecycle_acting", acting, this.acting.clone());
        let counted = "Actions of the last hour that count against the cap";
        register(registry, "smart_ai_lifecycle_actions_last_hour", counted, this.counted.clone());
        let cap = "Actions in any hour, at most";
        register(registry, "smart_ai_lifecycle_max_actions_per_hour", cap, this.cap.clone());
        this
    }

    /// A rate can be taken from the first action on.
    fn start_at_zero(&self, host: &str, model: &str, actions: &[LifecycleActionKind]) {
        for action in actions {
            for outcome in ["ok", "failed"] {
                let labels = labels([
                    ("host", host),
                    ("model", model),
                    ("action", action.as_str()),
                    ("outcome", outcome),
                ]);
                drop(self.actions.get_or_create(&labels));
            }
        }
    }

    /// Takes in what the dispatcher tells: each action once, and its end once.
    pub(super) fn believes(&self, report: &LifecycleReport) {
        let mode = if report.mode == LifecycleMode::On { "on" } else { "dry-run" };
        for (against, saved) in
            [("always_on", report.saved_gb_hours_always_on), ("keep_alive", report.saved_gb_hours_keep_alive)]
        {
            self.saved.get_or_create(&labels([("against", against), ("mode", mode)])).set(saved);
        }
        for (mode, is) in [("on", LifecycleMode::On), ("dry-run", LifecycleMode::DryRun)] {
            let value = f64::from(u8::from(report.mode == is));
            self.modes.get_or_create(&labels([("mode", mode)])).set(value);
        }
        let all = Labels::new();
        self.acting.get_or_create(&all).set(f64::from(u8::from(report.standby.is_none())));
        self.counted.get_or_create(&all).set(report.actions_last_hour.into());
        self.cap.get_or_create(&all).set(report.max_actions_per_hour.into());
        for model in &report.models {
            self.start_at_zero(model.host.as_str(), model.model.as_str(), &OF_MODELS);
        }
        for host in &report.hosts {
            self.start_at_zero(
                host.host.as_str(),
                "",
                &[LifecycleActionKind::Start, LifecycleActionKind::Stop],
            );
            for state in STATES {
                let labels = labels([("host", host.host.as_str()), ("state", state.as_str())]);
                self.power.get_or_create(&labels).set(f64::from(u8::from(host.state == state)));
            }
            self.start_seconds.get_or_create(&labels([("host", host.host.as_str())])).set(host.start_s);
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        for action in report.actions.iter().rev() {
            let model = action.model.as_ref().map_or("", ModelName::as_str);
            let arm = [("host", action.host.as_str()), ("model", model)];
            let kind = ("action", action.action.as_str());
            if action.number > told.last {
                told.last = action.number;
                let mode = if action.outcome == "dry_run" { "dry-run" } else { "on" };
                self.decisions.get_or_create(&labels([arm[0], arm[1], kind, ("mode", mode)])).inc();
                if mode == "on" {
                    told.begun.insert(action.number);
                }
            }
            if action.outcome != "begun" && told.begun.remove(&action.number) {
                let outcome = if action.outcome == "ok" { "ok" } else { "failed" };
                self.actions.get_or_create(&labels([arm[0], arm[1], kind, ("outcome", outcome)])).inc();
            }
        }
    }

    pub(super) fn forget(&self, arm: &Arm) {
        self.decisions.forget(arm);
        self.actions.forget(arm);
    }
}
