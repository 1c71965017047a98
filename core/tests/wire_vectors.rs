//! The vectors of the wire and of classification, which every build runs: `tests/vectors/{wire,classify}/*.json`.

use std::error::Error;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use smart_ai_core::wire::{self, Answer, AnswerReader, Ask};
use smart_ai_core::{CallOptions, Decision, DispatchError, Outcome};

type Failing<T> = Result<T, Box<dyn Error>>;

#[derive(Deserialize)]
struct Suite {
    name: String,
    function: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    input: Vec<Value>,
    output: Value,
}

#[test]
fn every_vector_holds() -> Failing<()> {
    let mut cases = 0;
    let mut wrong = Vec::new();
    for folder in ["wire", "classify"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors").join(folder);
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let suite: Suite = serde_json::from_str(&fs::read_to_string(&path)?)?;
            for case in suite.cases {
                cases += 1;
                let place = format!("{} / {}", suite.name, case.name);
                let found = run(&suite.function, case.input).map_err(|error| format!("{place}: {error}"))?;
                if !same(&found, &case.output) {
                    wrong.push(format!("{place}\n   found {found}\n  wanted {}", case.output));
                }
            }
        }
    }
    assert!(cases > 150, "only {cases} vectors found");
    assert!(wrong.is_empty(), "{} of {cases} vectors fail\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}

/// Calls a function by the name it has in JavaScript.
fn run(function: &str, input: Vec<Value>) -> Failing<Value> {
    let mut input = Arguments(input.into_iter());
    Ok(match function {
        "classify" => ok(wire::classify(&input.text()?)),
        "askRequest" => outcome(Ask::from_value(input.value()).and_then(|ask| ask.request())),
        "askEndpoint" => outcome(Ask::from_value(input.value()).map(|ask| ask.endpoint())),
        "askParts" => outcome(Ask::from_value(input.value()).map(|ask| ask.parts())),
        "askBody" => {
            let (ask, model): (_, String) = (input.value(), input.text()?);
            let options: CallOptions = input.read()?;
            outcome(Ask::from_value(ask).map(|ask| ask.body(&model, &options)))
        }
        "askVerdict" => {
            let (ask, text, reason) = (input.value(), input.text()?, input.text()?);
            outcome(Ask::from_value(ask).map(|ask| ask.verdict(&text, &reason)))
        }
        "feedbackEvent" => outcome(wire::feedback_event(input.value())),
        "AnswerReader" => ok(pieces(&input.value())?),
        "readEmbeddings" => outcome(wire::read_embeddings(&input.text()?)),
        "readVersion" => outcome(wire::read_version(&input.text()?)),
        "readTags" => outcome(wire::read_tags(&input.text()?)),
        "readPs" => {
            let (body, date): (String, Option<String>) = (input.text()?, input.read()?);
            outcome(wire::read_ps(&body, date.as_deref()))
        }
        "readShow" => outcome(wire::read_show(&input.text()?)),
        "readMetrics" => outcome(wire::read_metrics(input.read()?, &input.text()?)),
        "failureOfStatus" => {
            let (status, body): (u16, String) = (input.read()?, input.text()?);
            let (retry_after, location): (Option<String>, Option<String>) = (input.read()?, input.read()?);
            ok(wire::failure_of_status(status, &body, retry_after.as_deref(), location.as_deref()))
        }
        "canaryFailure" => ok(wire::canary_failure(&input.read()?)),
        "answerResolved" => {
            let (id, text, embeddings) = (input.value(), input.text()?, input.read()?);
            let (outcome, decision): (Outcome, Option<Decision>) = (input.read()?, input.read()?);
            ok(Answer::resolved(id, text, embeddings, outcome, decision))
        }
        "answerRejected" => {
            let (id, text): (_, String) = (input.value(), input.text()?);
            let (error, outcome): (DispatchError, Outcome) = (input.read()?, input.read()?);
            let decision: Option<Decision> = input.read()?;
            ok(Answer::rejected(id, text, error, outcome, decision))
        }
        "answerRefused" => ok(Answer::refused(input.value(), input.read()?)),
        unknown => return Err(format!("no function {unknown}").into()),
    })
}

struct Arguments(std::vec::IntoIter<Value>);

impl Arguments {
    /// The next argument; one left out is null.
    fn value(&mut self) -> Value {
        self.0.next().unwrap_or_default()
    }

    fn read<T: for<'de> Deserialize<'de>>(&mut self) -> Failing<T> {
        Ok(serde_json::from_value(self.value())?)
    }

    fn text(&mut self) -> Failing<String> {
        self.read()
    }
}

fn pieces(chunks: &Value) -> Failing<Vec<wire::Piece>> {
    let mut reader = AnswerReader::new();
    let mut pieces = Vec::new();
    for chunk in chunks.as_array().ok_or("chunks must be a list")? {
        match (chunk.as_str(), chunk.get("base64").and_then(Value::as_str)) {
            (Some(text), _) => pieces.extend(reader.push(text.as_bytes())),
            (None, Some(code)) => {
                pieces.extend(reader.push(&STANDARD.decode(code).map_err(|error| error.to_string())?));
            }
            (None, None) => return Err("a chunk must be a text or base64".into()),
        }
    }
    pieces.extend(reader.finish());
    Ok(pieces)
}

fn ok(value: impl Serialize) -> Value {
    json!({ "ok": value })
}

fn outcome<T: Serialize, E: Serialize>(result: Result<T, E>) -> Value {
    match result {
        Ok(value) => ok(value),
        Err(error) => json!({ "error": error }),
    }
}

/// Equal, where 1 and 1.0 are one number.
fn same(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Number(found), Value::Number(wanted)) => found.as_f64() == wanted.as_f64(),
        (Value::Array(found), Value::Array(wanted)) => {
            found.len() == wanted.len() && found.iter().zip(wanted).all(|(found, wanted)| same(found, wanted))
        }
        (Value::Object(found), Value::Object(wanted)) => {
            found.len() == wanted.len()
                && found.iter().all(|(key, value)| wanted.get(key).is_some_and(|other| same(value, other)))
        }
        _ => found == wanted,
    }
}
