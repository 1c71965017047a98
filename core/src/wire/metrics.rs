//! One query for every signal of every preset, and the samples in Prometheus's answer.

use serde_json::Value;

use crate::json::Object;
use std::collections::BTreeMap;

use super::json;
use super::preset::presets;
use crate::event::{Sample, SignalName};
use crate::failure::{Failure, FailureKind};
use crate::number::{Between as _, parse};

/// Tells the branches of the query apart: `preset/signal/value` or `preset/signal/age`.
const LABEL: &str = "smart_ai";

/// The series that the rules of `deploy/prometheus/signals.rules.yml` record, in the same form. An age counts from when it was recorded.
const RECORDED: &str = "smart_ai:signals{smart_ai=~\".+/value\"} or (smart_ai:signals{smart_ai=~\".+/age\"} + (time() - timestamp(smart_ai:signals{smart_ai=~\".+/age\"})))";

/// What to ask instead of [`metrics_query`] where the rules are loaded; its answer holds nothing where they are not.
pub fn recorded_query() -> &'static str {
    RECORDED
}

/// The `query` form field of one POST to `/api/v1/query`.
pub fn metrics_query() -> String {
    let mut branches: Vec<String> = Vec::new();
    let mut asked: Vec<String> = Vec::new();
    for preset in presets() {
        for signal in preset.signals {
            let name = format!("{}/{}", preset.name, signal.signal.as_str());
            if asked.contains(&signal.expr) {
                continue;
            }
            branches.push(branch(&signal.expr, &name, "value"));
            branches.push(branch(&signal.age, &name, "age"));
            asked.push(signal.expr);
        }
    }
    branches.join(" or ")
}

fn branch(expr: &str, name: &str, part: &str) -> String {
    format!("label_replace({expr}, \"{LABEL}\", \"{name}/{part}\", \"\", \"\")")
}

/// Reads Prometheus's answer to [`metrics_query`] or [`recorded_query`].
///
/// A value that is not a finite number in its signal's range is dropped, and so is one without an age: its exporter is gone.
///
/// # Errors
/// What to check, where the answer holds no metrics.
pub fn read_metrics(status: u16, body: &str) -> Result<Vec<Sample>, Failure> {
    let answer = match serde_json::from_str(body) {
        Ok(Value::Object(answer)) => Some(answer),
        _ => None,
    };
    let success = answer.as_ref().filter(|answer| json::text(answer, "status") == Some("success"));
    match success {
        Some(answer) if status == 200 => samples(answer).ok_or_else(|| not_a_vector(status)),
        _ => Err(refusal(status, body, answer.as_ref())),
    }
}

fn samples(answer: &Object) -> Option<Vec<Sample>> {
    let data = answer.get("data")?;
    if data.get("resultType")?.as_str()? != "vector" {
        return None;
    }
    let mut readings: BTreeMap<(String, &str), Reading> = BTreeMap::new();
    for series in data.get("result")?.as_array()? {
        if let Some((instance, branch, number)) = reading(series) {
            let Some((name, part)) = branch.rsplit_once('/') else { continue };
            let reading = readings.entry((instance.to_owned(), name)).or_default();
            let slot = if part == "age" { &mut reading.age_s } else { &mut reading.value };
            slot.get_or_insert(number);
        }
    }
    let mut samples: Vec<Sample> = Vec::new();
    for preset in presets() {
        for signal in &preset.signals {
            let name = format!("{}/{}", preset.name, signal.signal.as_str());
            for ((instance, found), reading) in &readings {
                let known = samples
                    .iter()
                    .any(|sample| sample.instance == *instance && sample.signal == signal.signal);
                if *found == name && !known {
                    samples.extend(reading.sample(instance, signal.signal));
                }
            }
        }
    }
    Some(samples)
}

/// The instance, the branch and the number of one series.
fn reading(series: &Value) -> Option<(&str, &str, f64)> {
    let labels = series.get("metric")?;
    let instance = labels.get("instance")?.as_str().filter(|instance| !instance.is_empty())?;
    let number = parse(series.get("value")?.as_array()?.get(1)?.as_str()?)?;
    Some((instance, labels.get(LABEL)?.as_str()?, number))
}

#[derive(Default)]
struct Reading {
    value: Option<f64>,
    age_s: Option<f64>,
}

impl Reading {
    fn sample(&self, instance: &str, signal: SignalName) -> Option<Sample> {
        let value = in_range(signal, self.value?)?;
        let age_s = self.age_s.filter(|age| age.is_finite())?.between(0.0, 1e9);
        Some(Sample { instance: instance.to_owned(), signal, value, age_ms: (age_s * 1000.0) as u64 })
    }
}

/// A ratio may stray a little from 0 to 1, as rates do; bytes are zero or more.
fn in_range(signal: SignalName, value: f64) -> Option<f64> {
    match signal {
        SignalName::CpuBusyRatio => (-0.1..=1.1).contains(&value).then_some(value.between(0.0, 1.0)),
        SignalName::MemoryAvailableBytes
        | SignalName::MemoryTotalBytes
        | SignalName::ContainerMemoryBytes
        | SignalName::ContainerMemoryLimitBytes => (0.0..=1e18).contains(&value).then_some(value),
    }
}

fn not_a_vector(status: u16) -> Failure {
    let detail = format!("status {status}: the answer is JSON without a vector; is this Prometheus?");
    Failure::new(FailureKind::BadProtocol, detail)
}

fn refusal(status: u16, body: &str, answer: Option<&Object>) -> Failure {
    let (kind, check) = match status {
        200..=299 => (FailureKind::BadProtocol, "not Prometheus: check the URL, its port and its path"),
        300..=399 => (FailureKind::BadProtocol, "it redirects: check the URL's scheme, host and path"),
        401 | 403 => (FailureKind::Unauthorized, "check the user and password or the bearer token"),
        404 | 405 => (
            FailureKind::BadProtocol,
            "no query API here: check the URL's path, such as a missing /prometheus",
        ),
        429 => (FailureKind::RateLimited, "too many queries: raise the scrape interval"),
        503 => (FailureKind::Busy, "it is starting, overloaded or slow: check the server"),
        400 | 422 => {
            (FailureKind::BadRequest, "it refused the query: check that it is Prometheus 2.42 or later")
        }
        500..=599 => (FailureKind::ServerError, "check the server and the proxy before it"),
        _ => (FailureKind::BadRequest, "check the URL and what the server expects"),
    };
    let said = match answer.and_then(|answer| json::text(answer, "error")) {
        Some(error) => error.chars().filter(|letter| !letter.is_control()).take(160).collect(),
        None => json::found(body.as_bytes()).to_owned(),
    };
    Failure::new(kind, format!("status {status}, {said}; {check}"))
}
