//! `smart-ai simulate`: what it prints and writes, and what it refuses.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::program::{Result, file, keys, run};

/// Two hosts, two models, a few requests: over in a moment.
fn scenario() -> Value {
    json!({
        "name": "tiny",
        "hosts": [
            { "id": "fast", "speed": 2.0, "memory_gb": 8, "disk_gb_per_s": 2.0 },
            { "id": "slow", "speed": 0.5, "memory_gb": 8, "disk_gb_per_s": 0.5 }
        ],
        "models": [
            { "id": "small", "gb": 2, "prefill_tok_per_s": 900, "decode_tok_per_s": 50 },
            { "id": "large", "gb": 7, "prefill_tok_per_s": 300, "decode_tok_per_s": 15 }
        ],
        "classes": [
            {
                "id": "chat", "share": 3, "models": ["small", "large"],
                "prompt_tokens": { "median": 200, "sigma": 0.5, "max": 2000 },
                "output_tokens": { "median": 60, "sigma": 0.5, "max": 400 }
            },
            {
                "id": "hard", "share": 1, "models": ["large"],
                "prompt_tokens": { "median": 300, "sigma": 0.5, "max": 2000 },
                "output_tokens": { "median": 90, "sigma": 0.5, "max": 400 }
            }
        ],
        "arrivals": { "per_s": 0.2, "cv": 1.0 },
        "requests": 30,
        "noise_sigma": 0.1
    })
}

/// The scenario with one value replaced, at a JSON pointer.
fn with(pointer: &str, value: Value) -> Result<Value> {
    let mut scenario = scenario();
    *scenario.pointer_mut(pointer).ok_or("no such place")? = value;
    Ok(scenario)
}

fn simulate<'a>(scenario: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["simulate", "--scenario", scenario], more].concat()
}

#[tokio::test]
async fn the_json_has_the_keys_that_others_rely_on() -> Result {
    let path = file("keys.json", &scenario().to_string())?;
    let ran = run(&simulate(&path, &["--policies", "random,oracle", "--seeds", "2..4", "--json"])).await?;
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let report = ran.json()?;
    assert_eq!(keys(&report), ["policies", "scenario", "seeds"]);
    assert_eq!((&report["scenario"], &report["seeds"]), (&json!("tiny"), &json!([2, 3])));
    let measured = [
        "evictions",
        "idle_gb_hours",
        "loads",
        "mean_s",
        "name",
        "p50_s",
        "p95_s",
        "p99_s",
        "prewarms",
        "regret",
        "resident_gb_hours",
        "sd_s",
        "starts",
        "stops",
        "success",
        "unloads",
        "warm_share",
    ];
    assert_eq!(report["policies"].as_array().map(Vec::len), Some(2));
    for (policy, name) in [(&report["policies"][0], "random"), (&report["policies"][1], "oracle")] {
        assert_eq!((keys(policy), &policy["name"]), (measured.to_vec(), &json!(name)));
        let number = |key: &str| policy[key].as_f64().unwrap_or(f64::NAN);
        assert!(
            measured.iter().all(|key| ["name", "warm_share"].contains(key) || number(key).is_finite()),
            "{policy}"
        );
        assert!(number("p50_s") <= number("p95_s") && number("p95_s") <= number("p99_s"), "{policy}");
        assert!(number("success") > 0.99 && number("loads") >= 1.0, "{policy}");
    }
    let regret = |position: usize| report["policies"][position]["regret"].as_f64();
    assert!(regret(0) > regret(1), "chance is worse than the truth: {report}");
    Ok(())
}

#[tokio::test]
async fn the_same_seed_gives_the_same_result_and_another_another() -> Result {
    let path = file("seeds.json", &scenario().to_string())?;
    let played = async |seeds| {
        run(&simulate(&path, &["--policies", "smart,static", "--seeds", seeds, "--json"])).await
    };
    let (first, again, other) = (played("0..1").await?, played("0..1").await?, played("1..2").await?);
    assert_eq!(first.code, Some(0), "{first:?}");
    assert_eq!(first.out, again.out);
    assert_ne!(first.json()?["policies"], other.json()?["policies"]);
    Ok(())
}

#[tokio::test]
async fn a_table_names_each_policy_in_the_order_asked_for() -> Result {
    let path = file("table.json", &scenario().to_string())?;
    let ran = run(&simulate(&path, &["--policies", "static,random", "--seeds", "0..1"])).await?;
    let names: Vec<&str> = ran.out.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!((ran.code, names), (Some(0), vec!["tiny,", "policy", "static", "random"]));
    Ok(())
}

#[tokio::test]
async fn plots_and_the_trace_tell_of_every_policy() -> Result {
    let path = file("plots.json", &scenario().to_string())?;
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-plots", std::process::id()));
    let (plots, trace) = (folder.join("svg"), folder.join("trace.jsonl"));
    let (plots_to, trace_to) = (plots.to_string_lossy(), trace.to_string_lossy());
    let more = ["--policies", "static,random", "--seeds", "0..2", "--plots", &plots_to, "--trace", &trace_to];
    let ran = run(&simulate(&path, &more)).await?;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for name in ["latency.svg", "regret.svg", "loads.svg"] {
        let svg = std::fs::read_to_string(plots.join(name))?;
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{name}");
        assert!(svg.contains("static") && svg.contains("random") && svg.contains("tiny"), "{name}");
    }
    let rows = std::fs::read_to_string(&trace)?;
    let rows: Vec<Value> = rows.lines().map(serde_json::from_str).collect::<std::result::Result<_, _>>()?;
    assert_eq!(rows.len(), 2 * 2 * 30);
    let fixed = rows.iter().filter(|row| row["policy"] == "static");
    assert!(fixed.clone().count() == 60 && fixed.clone().all(|row| row["host"] == "fast"));
    assert!(fixed.clone().all(|row| row["class"] != "hard" || row["model"] == "large"));
    Ok(())
}

#[tokio::test]
async fn a_scenario_that_is_wrong_is_refused_with_the_place() -> Result {
    let mut unknown = scenario();
    unknown["requsts"] = json!(3);
    let cases = [
        ("unknown key", unknown, "unknown field `requsts`"),
        ("unknown model", with("/classes/0/models/1", json!("huge"))?, "huge"),
        ("absurd speed", with("/hosts/1/speed", json!(-1))?, "hosts[1].speed: is -1; it must be from"),
        ("absurd rate", with("/models/0/decode_tok_per_s", json!(1e300))?, "models[0].decode_tok_per_s"),
        ("no host", with("/hosts", json!([]))?, "hosts: must not be empty"),
        ("one name twice", with("/hosts/1/id", json!("fast"))?, "fast"),
        ("a text for a number", with("/requests", json!("many"))?, "invalid type"),
    ];
    for (case, scenario, word) in cases {
        let path = file(&format!("{}.json", case.replace(' ', "-")), &scenario.to_string())?;
        let ran = run(&simulate(&path, &["--policies", "static", "--seeds", "0..1", "--json"])).await?;
        assert!(ran.code == Some(2) && ran.out.is_empty(), "{case}: {ran:?}");
        assert!(ran.err.contains(&path) && ran.err.contains(word), "{case}: {}", ran.err);
    }
    let ran = run(&simulate("no-such-file.json", &[])).await?;
    assert!(ran.code == Some(2) && ran.err.contains("no-such-file.json: "), "{ran:?}");
    Ok(())
}

#[tokio::test]
async fn a_policy_or_seeds_that_make_no_sense_are_refused() -> Result {
    let path = file("misuse.json", &scenario().to_string())?;
    for policies in ["static,best-ever", "smart:colour=1", "", "static:age=1"] {
        let ran = run(&simulate(&path, &["--policies", policies])).await?;
        assert!(ran.code == Some(2) && ran.out.is_empty(), "{policies}: {ran:?}");
        assert!(ran.err.contains("--policies") && ran.err.contains("clairvoyant"), "{policies}: {}", ran.err);
    }
    for seeds in ["3", "4..4", "5..2", "0..x", "-1..2", "0..99999999999"] {
        let ran = run(&simulate(&path, &[&format!("--seeds={seeds}")])).await?;
        assert!(ran.code == Some(2) && ran.out.is_empty(), "{seeds}: {ran:?}");
        assert!(ran.err.contains("--seeds") && ran.err.contains("0..8"), "{seeds}: {}", ran.err);
    }
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_written_is_a_failure_that_names_the_path() -> Result {
    let path = file("unwritable.json", &scenario().to_string())?;
    let taken = file("taken", "")?;
    let inside = format!("{taken}/inside");
    for flag in ["--plots", "--trace"] {
        let ran = run(&simulate(&path, &["--policies", "static", "--seeds", "0..1", flag, &inside])).await?;
        assert!(ran.code == Some(1) && ran.err.contains(&inside), "{flag}: {ran:?}");
    }
    Ok(())
}

#[tokio::test]
async fn requests_of_a_batch_come_at_once() -> Result {
    let batches = with("/arrivals", json!({ "per_s": 0.01, "cv": 0.1, "batch": 10 }))?;
    let path = file("batches.json", &batches.to_string())?;
    let rows = file("batches.jsonl", "")?;
    run(&simulate(&path, &["--policies", "smart", "--seeds", "0..1", "--trace", &rows])).await?;
    let mut times = Vec::new();
    for line in std::fs::read_to_string(&rows)?.lines() {
        times.push(serde_json::from_str::<Value>(line)?["arrives_s"].as_f64().ok_or("no time")?);
    }
    let batches: Vec<&[f64]> = times.chunk_by(|one, next| (one - next).abs() < 1e-9).collect();
    assert_eq!(batches.iter().map(|batch| batch.len()).collect::<Vec<_>>(), [10, 10, 10]);
    Ok(())
}

#[tokio::test]
async fn a_policy_told_to_do_without_metrics_decides_as_if_there_were_none() -> Result {
    let mut busy = with("/requests", json!(60))?;
    busy["metrics"] = json!(true);
    busy["foreign_loads"] = json!([{ "from": 0.1, "to": 0.9, "host": "fast", "cpu": 0.9 }]);
    let mut unmeasured = busy.clone();
    unmeasured["metrics"] = json!(false);
    let mean = async |name: &str, scenario: &Value, policy: &str| -> Result<Value> {
        let path = file(name, &scenario.to_string())?;
        let ran = run(&simulate(&path, &["--policies", policy, "--seeds", "0..2", "--json"])).await?;
        Ok(ran.json()?["policies"][0]["mean_s"].clone())
    };
    let without = mean("metrics-off.json", &busy, "smart:metrics=off").await?;
    assert_eq!(without, mean("metrics-none.json", &unmeasured, "smart").await?);
    assert_ne!(without, mean("metrics-on.json", &busy, "smart").await?);
    Ok(())
}
