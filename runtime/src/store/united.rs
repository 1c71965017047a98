//! Two states of what was learned, made one. Of each estimate the one that was updated last is kept.

use serde_json::{Map, Value};

/// An estimate of a host, model or shape that is not in use is kept this long: 90 days, in milliseconds.
const KEPT_MS: u64 = 90 * 86_400_000;
/// Shapes kept, those updated last: as many as a dispatcher remembers.
const SHAPES_KEPT: usize = 2_000;

/// Adds to `mine` the estimates of `theirs` that it lacks, or that were updated later. Both are snapshots as JSON.
pub(super) fn unite(mine: &mut Value, theirs: &Value, now_ms: u64) {
    add(mine, theirs, now_ms.saturating_sub(KEPT_MS));
    // The model that embeds has no age: an index that was made with it stays of use.
    if let (Value::Object(mine), Some(embedder)) = (&mut *mine, theirs.get("embedder"))
        && mine.get("embedder").is_none_or(Value::is_null)
    {
        mine.insert("embedder".to_owned(), embedder.clone());
    }
    let shapes = mine.get_mut("lengths").and_then(|lengths| lengths.get_mut("shapes"));
    if let Some(Value::Object(shapes)) = shapes
        && shapes.len() > SHAPES_KEPT
    {
        let mut newest: Vec<(String, Value)> = std::mem::take(shapes).into_iter().collect();
        newest.sort_by_key(|(_, shape)| std::cmp::Reverse(updated(shape)));
        newest.truncate(SHAPES_KEPT);
        newest.sort_by(|(one, _), (other, _)| one.cmp(other));
        *shapes = newest.into_iter().collect::<Map<_, _>>();
    }
}

fn add(mine: &mut Value, theirs: &Value, oldest_ms: u64) {
    match (mine, theirs) {
        (Value::Object(mine), Value::Object(theirs)) => {
            if let (Some(own), Some(other)) = (moment(mine), moment(theirs)) {
                if other > own {
                    mine.clone_from(theirs);
                }
                return;
            }
            for (key, value) in theirs {
                match mine.get_mut(key) {
                    Some(own) => add(own, value, oldest_ms),
                    None if updated(value) >= oldest_ms => drop(mine.insert(key.clone(), value.clone())),
                    None => {}
                }
            }
        }
        (Value::Array(mine), Value::Array(theirs)) => {
            for value in theirs {
                let Some(name) = name(value) else { continue };
                match mine.iter_mut().find(|own| self::name(own).as_ref() == Some(&name)) {
                    Some(own) => add(own, value, oldest_ms),
                    None if updated(value) >= oldest_ms => mine.push(value.clone()),
                    None => {}
                }
            }
        }
        _ => {}
    }
}

/// When an estimate was updated, if this is one.
fn moment(object: &Map<String, Value>) -> Option<u64> {
    object.get("updated").and_then(Value::as_u64)
}

/// When anything in it was updated last.
fn updated(value: &Value) -> u64 {
    match value {
        Value::Object(object) => {
            moment(object).unwrap_or_else(|| object.values().map(updated).max().unwrap_or(0))
        }
        Value::Array(list) => list.iter().map(updated).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// What an entry of a list is about: a host, a model, or a model's answers to a task.
fn name(value: &Value) -> Option<[Option<&str>; 3]> {
    let word = |key: &str| value.get(key).and_then(Value::as_str);
    let name = [word("host"), word("model"), word("task")];
    (value.get("signal").is_none() && name.iter().any(Option::is_some)).then_some(name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: u64 = 200 * 86_400_000;

    fn learned(mean_ln: f64, updated: u64) -> Value {
        json!({ "weight": 1.0, "mean_ln": mean_ln, "var_ln": 0.0, "updated": updated })
    }

    fn host(name: &str, models: &[(&str, f64, u64)]) -> Value {
        let models: Vec<Value> = models
            .iter()
            .map(|(model, mean, at)| json!({ "model": model, "decode": learned(*mean, *at) }))
            .collect();
        json!({ "host": name, "decode_speed": learned(0.5, NOW), "models": models })
    }

    #[test]
    fn what_only_the_other_knows_is_kept_and_the_later_estimate_wins() {
        let mut mine = json!({
            "version": 3,
            "hosts": [host("a", &[("m", 1.0, NOW - 5)]), host("off", &[])],
            "lengths": { "shapes": { "mail": { "any": learned(1.0, NOW) } } },
            "qualities": [{ "model": "m", "task": "chat", "good": 1.0, "bad": 0.0, "updated": NOW - 9 }],
        });
        let theirs = json!({
            "version": 3,
            "hosts": [host("a", &[("m", 2.0, NOW - 1), ("n", 3.0, NOW)]), host("off", &[("o", 4.0, NOW)]), host("b", &[])],
            "lengths": { "shapes": { "mail": { "any": learned(9.0, NOW - 1) }, "news": { "any": learned(2.0, NOW) } } },
            "qualities": [
                { "model": "m", "task": "chat", "good": 2.0, "bad": 0.0, "updated": NOW },
                { "model": "m", "task": "code", "good": 3.0, "bad": 0.0, "updated": NOW },
            ],
        });
        unite(&mut mine, &theirs, NOW);
        let at = |path: &str| mine.pointer(path).and_then(Value::as_f64);
        assert_eq!(at("/hosts/0/models/0/decode/mean_ln"), Some(2.0));
        assert_eq!(at("/hosts/0/models/1/decode/mean_ln"), Some(3.0));
        assert_eq!(at("/hosts/1/models/0/decode/mean_ln"), Some(4.0), "a host that is off loses its models");
        assert_eq!(mine.pointer("/hosts/2/host"), Some(&json!("b")), "the other fleet's host is erased");
        assert_eq!(at("/lengths/shapes/mail/any/mean_ln"), Some(1.0));
        assert_eq!(at("/lengths/shapes/news/any/mean_ln"), Some(2.0));
        assert_eq!((at("/qualities/0/good"), at("/qualities/1/good")), (Some(2.0), Some(3.0)));
    }

    #[test]
    fn the_model_that_embeds_is_remembered_where_this_program_has_none_yet() {
        let theirs = json!({ "embedder": "nomic:latest" });
        for (mut mine, kept) in [
            (json!({}), "nomic:latest"),
            (json!({ "embedder": null }), "nomic:latest"),
            (json!({ "embedder": "own:latest" }), "own:latest"),
        ] {
            unite(&mut mine, &theirs, NOW);
            assert_eq!(mine.get("embedder"), Some(&json!(kept)));
        }
    }

    #[test]
    fn what_nobody_uses_any_more_is_bounded_in_age_and_number() {
        let mut mine = json!({ "hosts": [], "lengths": { "shapes": {} } });
        let mut shapes = Map::new();
        for number in 0..SHAPES_KEPT as u64 + 10 {
            shapes.insert(format!("s{number}"), json!({ "any": learned(1.0, NOW - number) }));
        }
        shapes.insert("old".to_owned(), json!({ "any": learned(1.0, NOW - KEPT_MS - 1) }));
        let theirs = json!({ "hosts": [], "lengths": { "shapes": shapes } });
        unite(&mut mine, &theirs, NOW);
        let kept = mine.pointer("/lengths/shapes").and_then(Value::as_object).map(Map::len);
        assert_eq!(kept, Some(SHAPES_KEPT));
        assert!(
            mine.pointer("/lengths/shapes/s0").is_some() && mine.pointer("/lengths/shapes/old").is_none()
        );
    }
}
