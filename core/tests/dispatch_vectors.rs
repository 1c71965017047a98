//! The vectors of the dispatcher, which every build runs: `tests/vectors/dispatch/*.json`.
//! `UPDATE_VECTORS=1` writes each step and decision anew; how each job ends (`ends`) is written by hand.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use smart_ai_core::{Config, Decision, Dispatcher, Effect, Event, Millis, Request, Step};

#[derive(Serialize, Deserialize)]
struct Scenario {
    name: String,
    config: Value,
    seed: u64,
    ends: BTreeMap<String, Value>,
    steps: Vec<Stride>,
    decide: Vec<Query>,
}

#[derive(Serialize, Deserialize)]
struct Stride {
    now: Millis,
    event: Value,
    #[serde(default)]
    step: Step,
}

#[derive(Serialize, Deserialize)]
struct Query {
    now: Millis,
    request: Value,
    #[serde(default)]
    decision: Option<Decision>,
}

#[test]
fn every_scenario_goes_as_written() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/dispatch");
    let update = std::env::var_os("UPDATE_VECTORS").is_some();
    let mut wrong = Vec::new();
    let mut scenarios = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let text = fs::read_to_string(&path)?;
        let written: Scenario =
            serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        let (found, ends) = play(&written).map_err(|error| format!("{}: {error}", path.display()))?;
        scenarios += 1;
        if ends != written.ends {
            wrong.push(format!("{}: jobs end as {ends:?}, not as {:?}", written.name, written.ends));
        }
        let found_text = format!("{}\n", serde_json::to_string_pretty(&found)?);
        if update {
            fs::write(&path, found_text)?;
        } else if found_text != text {
            wrong.push(format!("{}: {}", written.name, first_difference(&text, &found_text)));
        }
    }
    assert!(scenarios >= 12, "only {scenarios} scenarios found");
    assert!(wrong.is_empty(), "{} of {scenarios} scenarios differ\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}

fn play(written: &Scenario) -> Result<(Scenario, BTreeMap<String, Value>), Box<dyn Error>> {
    let config = Config::from_json(&written.config.to_string())?;
    let mut dispatcher = Dispatcher::new(config, written.seed)?;
    let mut ends = BTreeMap::new();
    let mut steps = Vec::new();
    for stride in &written.steps {
        let event: Event = serde_json::from_value(stride.event.clone())?;
        let step = dispatcher.step(stride.now, event);
        for effect in &step.effects {
            if let Effect::Resolve { job, .. } = effect {
                ends.insert(job.to_string(), Value::from("ok"));
            } else if let Effect::Reject { job, error, .. } = effect {
                ends.insert(job.to_string(), serde_json::to_value(error.code)?);
            }
        }
        steps.push(Stride { now: stride.now, event: stride.event.clone(), step });
    }
    let mut decide = Vec::new();
    for query in &written.decide {
        let request: Request = serde_json::from_value(query.request.clone())?;
        let decision = Some(dispatcher.decide(query.now, &request));
        decide.push(Query { now: query.now, request: query.request.clone(), decision });
    }
    let found = Scenario {
        name: written.name.clone(),
        config: written.config.clone(),
        seed: written.seed,
        ends: written.ends.clone(),
        steps,
        decide,
    };
    Ok((found, ends))
}

fn first_difference(wanted: &str, found: &str) -> String {
    let mut lines = wanted.lines().zip(found.lines()).enumerate();
    match lines.find(|(_, (wanted, found))| wanted != found) {
        Some((at, (wanted, found))) => {
            format!("line {}: found {}, wanted {}", at + 1, found.trim(), wanted.trim())
        }
        None => "one is longer than the other".to_owned(),
    }
}
