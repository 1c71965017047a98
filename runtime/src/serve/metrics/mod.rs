//! Every metric: counted where things happen, shown where a scrape asks. Names, units and labels: `docs/metrics.md`.

mod arms;
mod demand;
mod dispatcher;
mod family;
mod host_own;
mod hosts;
mod lifecycle;
mod measured;
mod page;
mod regret;
mod requests;
mod residency;

use std::sync::Arc;
use std::time::Instant;

use prometheus_client::registry::Registry;
use smart_ai_core::wire::Reply;
use smart_ai_core::{Arm, HostId, Request, Snapshot};

use super::clock::now_s;
use super::host_metrics::HostMetrics;
use super::inventory::Inventory;
use crate::driver::{Call, JobEnd, Looks, Observer};
use crate::store::Health;
use crate::traces::Sent;
use arms::Arms;
use family::{Labels, Reading, Readings, Shown, labels};

pub(super) use measured::Measured;
pub(super) use page::page;

/// Everything that is counted.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    inventory: Arc<Inventory>,
    arms: Arc<Arms>,
    residency: residency::Residency,
    requests: requests::Requests,
    dispatching: dispatcher::Dispatching,
    lifecycle: lifecycle::Lifecycle,
}

impl Metrics {
    pub(super) fn new(
        inventory: Arc<Inventory>,
        host_metrics: &Arc<HostMetrics>,
        history: &Health,
        traces: &Sent,
    ) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Shown(hosts::Hosts(Arc::clone(&inventory)))));
        registry.register_collector(Box::new(Shown(host_own::HostOwn {
            metrics: Arc::clone(host_metrics),
            inventory: Arc::clone(&inventory),
        })));
        let arms = Arc::new(Arms::new(Arc::clone(&inventory)));
        let residency = residency::Residency::new(Arc::clone(&arms), &mut registry);
        let requests = requests::Requests::new(Arc::clone(&inventory), Arc::clone(&arms), &mut registry);
        let dispatching =
            dispatcher::Dispatching::new(Arc::clone(&inventory), Arc::clone(&arms), &mut registry);
        let lifecycle = lifecycle::Lifecycle::new(&mut registry);
        dispatcher::register_history(&mut registry, history);
        dispatcher::register_traces(&mut registry, traces);
        registry.register_collector(Box::new(Shown(Program { started_s: now_s() })));
        Self { registry, inventory, arms, residency, requests, dispatching, lifecycle }
    }

    /// A request of a client ended.
    pub(super) fn request_ended(&self, request: &Measured) {
        if request.status == "success" && request.is_cold() {
            self.residency.loaded_for_request(&request.arm, &request.usage);
        }
        if request.status == "success" && request.unloads {
            self.residency.asked_to_leave(&request.arm);
        }
        self.requests.ended(request);
    }

    /// A client wants this model out of memory.
    pub(super) fn asked_to_leave(&self, arm: &Arm) {
        self.residency.asked_to_leave(arm);
    }

    /// What the dispatcher believes now.
    pub(super) fn believes(&self, snapshot: Snapshot) {
        if let Some(report) = &snapshot.lifecycle {
            self.lifecycle.believes(report);
        }
        self.dispatching.believes(snapshot);
    }
}

impl Observer for Metrics {
    fn queued(&self, request: &Request) {
        self.requests.waiting(request, 1);
    }

    fn left_queue(&self, request: &Request) {
        self.requests.waiting(request, -1);
    }

    fn called(&self, call: &Call<'_>) {
        self.requests.answering(call.arm, 1);
        self.dispatching.called(call);
    }

    fn canary_ended(&self, arm: &Arm, outcome: &str) {
        self.dispatching.canary_ended(arm, outcome);
    }

    fn call_ended(&self, arm: &Arm, outcome: &str) {
        self.requests.answering(arm, -1);
        self.dispatching.call_ended(arm, outcome);
    }

    fn ended(&self, end: &JobEnd<'_>) {
        self.dispatching.job_ended(end);
    }

    fn looked(&self, host: &HostId, looks: Looks<'_>) {
        let change = self.inventory.take(host, looks);
        let shown = || change.after.shown().map(|tag| tag.name.as_str());
        for model in self.arms.looked(Instant::now(), host, shown()) {
            let arm = Arm { host: host.clone(), model: model.into() };
            self.requests.forget(&arm);
            self.dispatching.forget(&arm);
            self.lifecycle.forget(&arm);
            self.residency.forget(&arm);
        }
        for model in shown().filter(|model| self.arms.has(host, model)) {
            self.requests.start_at_zero(host.as_str(), model);
        }
        let busy = |model: &str| self.requests.is_answering(&Arm { host: host.clone(), model: model.into() });
        self.residency.looked(host, &change, busy);
    }

    fn asked_metrics(&self, reply: &Reply) {
        self.dispatching.asked_metrics(reply);
    }
}

/// This program.
#[derive(Debug)]
struct Program {
    started_s: f64,
}

impl Readings for Program {
    fn read(&self) -> Vec<Reading> {
        let version = labels([("version", env!("CARGO_PKG_VERSION"))]);
        vec![
            Reading { name: "smart_ai_build_info", help: "This program", values: vec![(version, 1.0)] },
            Reading {
                name: "process_start_time_seconds",
                help: "When it started",
                values: vec![(Labels::new(), self.started_s)],
            },
        ]
    }
}
