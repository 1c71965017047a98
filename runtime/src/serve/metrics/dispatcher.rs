//! The dispatcher at work: jobs, decisions, calls, and what it believes.

use std::sync::{Arc, PoisonError, RwLock};

use prometheus_client::registry::Registry;
use smart_ai_core::wire::Reply;
use smart_ai_core::{Arm, Mode, Snapshot};

use super::arms::Arms;
use super::family::{
    Counts, Labels, Reading, Readings, Shown, Spreads, Sums, computing, labels, ratio, register,
};
use super::regret::regret_s;
use crate::driver::{Call, JobEnd};
use crate::serve::inventory::Inventory;
use crate::store::Health;
use crate::traces::Sent;
use crate::word::word;

/// What is counted about the dispatcher.
#[derive(Debug)]
pub(super) struct Dispatching {
    inventory: Arc<Inventory>,
    arms: Arc<Arms>,
    jobs: Counts,
    decisions: Counts,
    computing: Spreads,
    attempts: Counts,
    canaries: Counts,
    fallbacks: Counts,
    overrules: Counts,
    gain: Sums,
    predicted: Sums,
    actual: Sums,
    regret: Sums,
    error: Spreads,
    belief: Arc<Belief>,
}

/// What the dispatcher believed when it was last asked.
#[derive(Debug, Default)]
struct Belief {
    snapshot: RwLock<Option<Snapshot>>,
    /// Whether the metrics server answered, where one is configured.
    metrics_up: RwLock<Option<bool>>,
}

impl Dispatching {
    pub(super) fn new(inventory: Arc<Inventory>, arms: Arc<Arms>, registry: &mut Registry) -> Self {
        let this = Self {
            inventory,
            arms,
            jobs: Counts::default(),
            decisions: Counts::default(),
            computing: computing(),
            attempts: Counts::default(),
            canaries: Counts::default(),
            fallbacks: Counts::default(),
            overrules: Counts::default(),
            gain: Sums::default(),
            predicted: Sums::default(),
            actual: Sums::default(),
            regret: Sums::default(),
            error: ratio(),
            belief: Arc::default(),
        };
        drop(this.overrules.get_or_create(&Labels::new()));
        drop(this.gain.get_or_create(&Labels::new()));
        drop(this.computing.get_or_create(&Labels::new()));
        for (host, _) in this.inventory.hosts().iter() {
            for outcome in ["ok", "failed"] {
                drop(this.canaries.get_or_create(&labels([("host", host.as_str()), ("outcome", outcome)])));
            }
        }
        this.register(registry);
        registry.register_collector(Box::new(Shown(View {
            belief: Arc::clone(&this.belief),
            inventory: Arc::clone(&this.inventory),
        })));
        this
    }

    fn register(&self, registry: &mut Registry) {
        let mut counts = |name, help, family: &Counts| register(registry, name, help, family.clone());
        counts("dispatcher_jobs_total", "Jobs that ended", &self.jobs);
        counts("dispatcher_decisions_total", "Calls begun, by why this arm", &self.decisions);
        counts("dispatcher_attempts_total", "Calls that ended", &self.attempts);
        let canaries = "Asks of one token, to see whether a host that failed works again";
        counts("dispatcher_canaries_total", canaries, &self.canaries);
        counts("dispatcher_fallbacks_total", "Calls after a failed one of the same job", &self.fallbacks);
        let overrules = "Choices in which sampled futures overruled the score";
        counts("dispatcher_look_ahead_overrules_total", overrules, &self.overrules);
        let mut sums = |name, help, family: &Sums| register(registry, name, help, family.clone());
        sums("dispatcher_look_ahead_gain_seconds_total", "What sampled futures promised to save", &self.gain);
        sums("dispatcher_predicted_seconds_total", "Expected of jobs that succeeded", &self.predicted);
        sums("dispatcher_actual_seconds_total", "What they took", &self.actual);
        let regret = "Estimate of what the next best arm would have saved";
        sums("dispatcher_regret_seconds_total", regret, &self.regret);
        let distance = "Distance of prediction and duration, by the duration";
        register(registry, "dispatcher_prediction_error_ratio", distance, self.error.clone());
        let computing = "Computing time of an event that led to a call";
        register(registry, "dispatcher_decision_seconds", computing, self.computing.clone());
    }

    pub(super) fn called(&self, call: &Call<'_>) {
        let plan = call.decision.and_then(|decision| decision.plan.as_ref());
        let alone = call.decision.is_some_and(|decision| decision.candidates.len() == 1);
        let reason = match (call.failed, &call.request.model, plan) {
            (Some(_), _, _) => "fallback",
            (None, Some(_), _) => "pinned",
            (None, None, Some(_)) => "look_ahead",
            (None, None, None) if alone => "only",
            (None, None, None) => "score",
        };
        let mut decided = self.arm(call.arm);
        decided.push(("reason", reason.to_owned()));
        decided.push(("task", call.request.task.as_str().to_owned()));
        self.decisions.get_or_create(&decided).inc();
        self.computing.get_or_create(&Labels::new()).observe(call.computing.as_secs_f64());
        if let Some(plan) = plan {
            self.overrules.get_or_create(&Labels::new()).inc();
            self.gain.get_or_create(&Labels::new()).inc_by(plan.gain_s.max(0.0));
        }
        if let Some((from, cause)) = call.failed {
            let (from, to) = (self.name(from), self.name(call.arm));
            let fallback = labels([("from", &from), ("to", &to), ("cause", cause.as_str())]);
            self.fallbacks.get_or_create(&fallback).inc();
        }
    }

    pub(super) fn call_ended(&self, arm: &Arm, outcome: &str) {
        let mut labels = self.arm(arm);
        labels.push(("outcome", outcome.to_owned()));
        self.attempts.get_or_create(&labels).inc();
    }

    pub(super) fn canary_ended(&self, arm: &Arm, outcome: &str) {
        let outcome = if outcome == "ok" { "ok" } else { "failed" };
        self.canaries.get_or_create(&labels([("host", arm.host.as_str()), ("outcome", outcome)])).inc();
    }

    pub(super) fn job_ended(&self, end: &JobEnd<'_>) {
        let JobEnd { request, outcome, error, decision, .. } = end;
        let mode = match request.mode {
            Mode::Fast => "fast",
            Mode::Balanced => "balanced",
            Mode::Best => "best",
        };
        let word = error.map_or_else(|| "ok".to_owned(), |error| word(&error.code));
        let job = labels([("task", request.task.as_str()), ("mode", mode), ("outcome", &word)]);
        self.jobs.get_or_create(&job).inc();
        let (Some(host), Some(model), None) = (&outcome.host, &outcome.model, error) else { return };
        let arm = self.arm(&Arm { host: host.clone(), model: model.clone() });
        let (predicted_ms, actual_ms) = (outcome.predicted_ms, outcome.ms.total);
        self.predicted.get_or_create(&arm).inc_by(predicted_ms.max(0.0) / 1e3);
        self.actual.get_or_create(&arm).inc_by(actual_ms.max(0.0) / 1e3);
        if let Some(regret) = decision.and_then(|decision| regret_s(decision, outcome)) {
            self.regret.get_or_create(&arm).inc_by(regret);
        }
        if actual_ms > 0.0 {
            self.error.get_or_create(&arm).observe((predicted_ms - actual_ms).abs() / actual_ms);
        }
    }

    pub(super) fn asked_metrics(&self, reply: &Reply) {
        let up = reply.body().is_ok();
        *self.belief.metrics_up.write().unwrap_or_else(PoisonError::into_inner) = Some(up);
    }

    pub(super) fn believes(&self, snapshot: Snapshot) {
        *self.belief.snapshot.write().unwrap_or_else(PoisonError::into_inner) = Some(snapshot);
    }

    fn arm(&self, arm: &Arm) -> Labels {
        let model = self.arms.label(arm.host.as_str(), arm.model.as_str());
        labels([("host", arm.host.as_str()), ("model", &model)])
    }

    fn name(&self, arm: &Arm) -> String {
        format!("{}@{}", self.arms.label(arm.host.as_str(), arm.model.as_str()), arm.host)
    }

    /// Drops every series of an arm.
    pub(super) fn forget(&self, arm: &Arm) {
        for counts in [&self.decisions, &self.attempts, &self.fallbacks] {
            counts.forget(arm);
        }
        for sums in [&self.predicted, &self.actual, &self.regret] {
            sums.forget(arm);
        }
        self.error.forget(arm);
    }
}

/// How the history fares; without one nothing is kept and nothing is lost.
pub(super) fn register_history(registry: &mut Registry, health: &Health) {
    let up = "Whether decisions and outcomes are being kept";
    register(registry, "dispatcher_history_up", up, health.up.clone());
    register(registry, "dispatcher_history_rows_total", "Rows kept", health.rows.clone());
    register(registry, "dispatcher_history_dropped_total", "Rows lost", health.dropped.clone());
    register(registry, "dispatcher_history_queue_rows", "Rows that wait to be written", health.queue.clone());
    let last = "When rows were last written, since 1970; 0 before";
    register(registry, "dispatcher_history_last_write_timestamp_seconds", last, health.last_write.clone());
}

/// What became of spans.
pub(super) fn register_traces(registry: &mut Registry, sent: &Sent) {
    register(registry, "dispatcher_spans_sent_total", "Spans the collector took", sent.spans.clone());
    register(registry, "dispatcher_spans_dropped_total", "Spans lost", sent.dropped.clone());
}

#[derive(Debug)]
struct View {
    belief: Arc<Belief>,
    inventory: Arc<Inventory>,
}

impl Readings for View {
    fn read(&self) -> Vec<Reading> {
        let flag = |on: bool| f64::from(u8::from(on));
        let plain = |name, help, value| Reading { name, help, values: vec![(Labels::new(), value)] };
        let snapshot = self.belief.snapshot.read().unwrap_or_else(PoisonError::into_inner);
        let metrics_up = *self.belief.metrics_up.read().unwrap_or_else(PoisonError::into_inner);
        let signals: Vec<_> =
            snapshot.iter().flat_map(|snapshot| &snapshot.hosts).flat_map(|host| &host.signals).collect();
        let each = |name, help, value: &dyn Fn(&smart_ai_core::SignalAge) -> f64| {
            let signal = |age: &&smart_ai_core::SignalAge| {
                (labels([("host", age.host.as_str()), ("signal", age.signal.as_str())]), value(age))
            };
            Reading { name, help, values: signals.iter().map(signal).collect() }
        };
        let degraded = |reason, on| (labels([("reason", reason)]), flag(on));
        let source = metrics_up.map(|up| (labels([("source", "prometheus")]), flag(up)));
        let (jobs, calls) = snapshot.as_ref().map_or((0, 0), |snapshot| (snapshot.jobs, snapshot.calls));
        vec![
            plain(
                "dispatcher_queue_jobs",
                "Jobs that wait for an arm",
                f64::from(jobs.saturating_sub(calls)),
            ),
            plain("dispatcher_calls", "Calls under way", f64::from(calls)),
            Reading {
                name: "dispatcher_breaker_open",
                help: "Whether the host is left alone after failures",
                values: snapshot
                    .iter()
                    .flat_map(|snapshot| &snapshot.hosts)
                    .map(|host| (labels([("host", host.host.as_str())]), flag(host.breaker_open)))
                    .collect(),
            },
            Reading {
                name: "dispatcher_metric_source_up",
                help: "Whether the source answered",
                values: source.into_iter().collect(),
            },
            each("dispatcher_metric_age_seconds", "Age of each signal", &|age| age.age_ms as f64 / 1e3),
            each("dispatcher_metric_stale", "Whether the signal is too old to count", &|age| flag(age.stale)),
            Reading {
                name: "dispatcher_degraded",
                help: "Whether decisions rest on less than they could",
                values: vec![
                    degraded("metrics_down", metrics_up == Some(false)),
                    degraded("signals_stale", signals.iter().any(|age| age.stale)),
                    degraded("host_down", self.inventory.any_lost()),
                ],
            },
        ]
    }
}
