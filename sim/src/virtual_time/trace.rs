//! What became of each request of each run.

use serde::Serialize;

use super::job::Ended;
use super::scenario::Scenario;
use super::truth::{Call, Truth};

/// One request of one run.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Row {
    /// Who decided.
    pub policy: String,
    /// Which run.
    pub seed: u64,
    /// Its number, in the order of arrival.
    pub job: usize,
    /// Its class.
    pub class: String,
    /// Seconds from the run's start to its arrival.
    pub arrives_s: f64,
    /// Tokens of its prompt.
    pub prompt_tokens: f64,
    /// Tokens of its answer.
    pub output_tokens: f64,
    /// The host of its last call.
    pub host: Option<String>,
    /// The model of its last call.
    pub model: Option<String>,
    /// Seconds from its arrival to its end; absent where it had none.
    pub seconds: Option<f64>,
    /// Whether it has an answer.
    pub answered: bool,
}

/// The rows of a run that is over, in the order of arrival.
pub(super) fn rows(truth: &Truth<'_>, ended: &[Ended], policy: &str, seed: u64) -> Vec<Row> {
    let scenario: &Scenario = truth.scenario;
    let mut last: Vec<Option<&Call>> = vec![None; truth.jobs.len()];
    for call in &truth.calls {
        if let Some(place) = last.get_mut(call.job) {
            *place = Some(call);
        }
    }
    let mut endings: Vec<Option<&Ended>> = vec![None; truth.jobs.len()];
    for end in ended {
        if let Some(place) = endings.get_mut(end.job) {
            *place = Some(end);
        }
    }
    let host = |call: &Call| scenario.hosts.get(call.host).map(|host| host.id.clone());
    let model = |call: &Call| scenario.models.get(call.model).map(|model| model.id.clone());
    let of_jobs = truth.jobs.iter().zip(last).zip(endings);
    of_jobs
        .map(|((job, call), end)| Row {
            policy: policy.to_owned(),
            seed,
            job: job.id,
            class: scenario.classes.get(job.class).map(|class| class.id.clone()).unwrap_or_default(),
            arrives_s: job.arrives,
            prompt_tokens: job.prompt_tokens,
            output_tokens: job.output_tokens,
            host: call.and_then(host),
            model: call.and_then(model),
            seconds: end.map(|end| end.seconds),
            answered: end.is_some_and(|end| end.answered),
        })
        .collect()
}
