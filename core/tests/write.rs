//! Core's own JSON is what serde writes, and is read back: on every value of every vector.

use std::error::Error;
use std::fmt::Debug;
use std::fs;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use smart_ai_core::{
    Config, Decision, Dispatcher, Event, Json, Millis, Read, Request, Snapshot, Step, Write,
};

type Failing<T> = Result<T, Box<dyn Error>>;

/// Numbers count by their value: core writes `5` where serde writes `5.0`.
fn plain(value: Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().map_or(Value::Null, Value::from),
        Value::Array(list) => list.into_iter().map(plain).collect(),
        Value::Object(map) => map.into_iter().map(|(key, value)| (key, plain(value))).collect(),
        Value::Null | Value::Bool(_) | Value::String(_) => value,
    }
}

fn hold<T: Write + Read + Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) -> Failing<()> {
    let (ours, theirs) = (value.to_json(), serde_json::to_string(value)?);
    assert_eq!(plain(serde_json::from_str(&ours)?), plain(serde_json::from_str(&theirs)?), "{ours}");
    assert_eq!(&T::read(Json::parse(&ours)?)?, value);
    assert_eq!(&serde_json::from_str::<T>(&theirs)?, value);
    Ok(())
}

fn vectors(folder: &str) -> Failing<Vec<Value>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors").join(folder);
    let mut found = Vec::new();
    for entry in fs::read_dir(path)? {
        found.push(serde_json::from_str(&fs::read_to_string(entry?.path())?)?);
    }
    assert!(found.len() > 3, "{folder}");
    Ok(found)
}

fn part<T: DeserializeOwned>(of: &Value, key: &str) -> Failing<T> {
    Ok(serde_json::from_value(of.get(key).cloned().unwrap_or_default())?)
}

#[test]
fn every_step_decision_and_snapshot_is_written_as_serde_writes_it() -> Failing<()> {
    for scenario in vectors("dispatch")? {
        let config: Config = part(&scenario, "config")?;
        hold(&config)?;
        let mut dispatcher = Dispatcher::new(config, part(&scenario, "seed")?)?;
        for stride in scenario.get("steps").and_then(Value::as_array).into_iter().flatten() {
            let event: Event = part(stride, "event")?;
            hold(&event)?;
            hold::<Step>(&dispatcher.step(Millis(part(stride, "now")?), event))?;
        }
        for query in scenario.get("decide").and_then(Value::as_array).into_iter().flatten() {
            let request: Request = part(query, "request")?;
            hold(&request)?;
            hold::<Decision>(&dispatcher.decide(Millis(part(query, "now")?), &request))?;
        }
        hold::<Snapshot>(&dispatcher.snapshot())?;
    }
    Ok(())
}

#[test]
fn every_value_of_the_wire_comes_back_as_it_was_written() -> Failing<()> {
    for suite in vectors("wire")? {
        let ours = Json::parse(&suite.to_string())?;
        assert_eq!(serde_json::to_value(&ours)?, suite);
        assert_eq!(plain(serde_json::from_str(&ours.to_json())?), plain(suite));
    }
    Ok(())
}

#[test]
fn texts_are_escaped_as_javascript_reads_them() -> Failing<()> {
    let text: String = (0..0x80_u8).map(char::from).chain("é\u{2028}😀".chars()).collect();
    assert_eq!(serde_json::from_str::<String>(&text.to_json())?, text);
    assert_eq!("a\"b\\c\n\u{1}\u{1f}\u{7f}".to_owned().to_json(), "\"a\\\"b\\\\c\\n\\u0001\\u001f\u{7f}\"");
    let numbers = [0.0, -0.0, 1e15, 1e21, 0.1, -2.5, f64::NAN, f64::INFINITY, 1e-7];
    let written: Vec<String> = numbers.iter().map(Write::to_json).collect();
    assert_eq!(written, ["0", "-0", "1000000000000000", "1e+21", "0.1", "-2.5", "null", "null", "1e-7"]);
    Ok(())
}
