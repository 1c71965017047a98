//! The reference page of the configuration, made from the types that hold it: `docs/configuration.md` is committed, and checked here.
//! `UPDATE_DOCS=1 cargo test -p smart-ai reference` writes it anew.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use smart_ai_core::{Config, HostConfig, StartConfig};

use crate::store::HistoryConfig;
use crate::traces::TracesConfig;

const CONFIG: &str = include_str!("../../core/src/config.rs");
const TUNING: &str = include_str!("../../core/src/tuning.rs");
const LIFECYCLE: &str = include_str!("../../core/src/lifecycle/config.rs");
const START: &str = include_str!("../../core/src/lifecycle/start.rs");
const STARTER: &str = include_str!("../../core/src/wire/starter.rs");
const ACCESS: &str = include_str!("../../core/src/wire/access.rs");
const FLEET: &str = include_str!("../../core/src/wire/fleet_config.rs");
const HISTORY: &str = include_str!("store/config.rs");
const TRACES: &str = include_str!("traces/config.rs");

const HEAD: &str = "# Configuration

`smart-ai.toml` in the current folder, or the file that `--config` names; JavaScript's `createDispatcher` and n8n's credential take
the same keys as an object. A key that is left out has its default. Flags and environment variables (`smart-ai --help` names them)
come before the file. [`smart-ai.example.toml`](../smart-ai.example.toml) is a file to begin with.

An unknown key or a value out of its range is refused with its line, its path and what would be right.

This page is made from the source; `UPDATE_DOCS=1 cargo test -p smart-ai reference` writes it.
";

/// A field of a struct, as its source declares it.
struct Field {
    name: String,
    kind: String,
    docs: String,
}

/// The public fields of a struct, in their order.
fn fields(source: &str, name: &str) -> Vec<Field> {
    let start = source.find(&format!("pub struct {name} {{")).unwrap_or(source.len());
    let body = source.get(start..).and_then(|rest| rest.get(..rest.find("\n}")?)).unwrap_or_default();
    let (mut fields, mut docs, mut skipped) = (Vec::new(), Vec::new(), false);
    for line in body.lines().skip(1).map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            docs.push(text.trim());
        } else if ["#[serde(skip)]", "#[serde(skip_deserializing)]"].contains(&line) {
            skipped = true;
        } else if let Some((name, kind)) = line.strip_prefix("pub ").and_then(|line| line.split_once(": ")) {
            if !std::mem::take(&mut skipped) {
                let kind = kind.trim_end_matches(',').to_owned();
                fields.push(Field { name: name.to_owned(), kind, docs: plain(&docs.join(" ")) });
            }
            docs.clear();
        }
    }
    fields
}

/// Docs without links to Rust items, and safe in a table.
fn plain(docs: &str) -> String {
    let mut text = docs.replace("[`", "`").replace('|', "\\|");
    while let Some(start) = text.find("`](") {
        let end = text.get(start..).and_then(|rest| rest.find(')')).unwrap_or(0);
        text.replace_range(start + 1..=start + end, "");
    }
    text.replace("`]", "`")
}

/// A type in words.
fn words(kind: &str) -> &str {
    match kind.trim_start_matches("Option<").trim_end_matches('>') {
        "bool" => "`true` or `false`",
        "u32" | "u64" => "whole number",
        "f64" => "number",
        "Vec<ModelName" => "list of models",
        "Vec<String" => "list of texts",
        "LifecycleMode" => "`\"off\"`, `\"dry-run\"` or `\"on\"`",
        "LookAhead" => "`\"auto\"` or `\"off\"`",
        "BTreeMap<String, String" => "table of texts",
        "BTreeMap<ModelName, f64" => "table of numbers",
        "String" | "HostId" => "text",
        other => other,
    }
}

/// One section of the page: a title, a lead, and a table of its keys.
fn section(
    title: &str,
    lead: &str,
    keys: &[Field],
    defaults: &Value,
    ranges: &BTreeMap<String, (f64, f64)>,
    place: &str,
) -> String {
    let mut text =
        format!("\n## {title}\n{lead}\n\n| key | kind | default | what |\n| --- | --- | --- | --- |\n");
    for Field { name, kind, docs } in keys {
        let range = ranges.get(&format!("{place}{name}"));
        let range = range.map(|(low, high)| format!(", {low} to {high}")).unwrap_or_default();
        let default = match defaults.get(name) {
            None | Some(Value::Null) => "–".to_owned(),
            Some(value) => format!("`{value}`"),
        };
        let _ = writeln!(text, "| `{name}` | {}{range} | {default} | {docs} |", words(kind));
    }
    text
}

fn page() -> Result<String, serde_json::Error> {
    let ranges: BTreeMap<_, _> =
        Config::ranges().into_iter().map(|(key, low, high)| (key, (low, high))).collect();
    let config = serde_json::to_value(Config::new(Vec::new()))?;
    let host = serde_json::to_value(HostConfig::new(""))?;
    let none = json!({});
    let of = |value: &Value, path: &str| value.pointer(path).cloned().unwrap_or_default();
    let sections = ["hosts", "metrics", "limits", "lifecycle", "quality", "tuning"];
    let mut own = fields(CONFIG, "Config");
    own.retain(|field| !sections.contains(&field.name.as_str()));
    let access = || fields(ACCESS, "ServerAccess");
    let mut hosts = fields(FLEET, "HostServer");
    hosts.extend(access());
    hosts.extend(fields(CONFIG, "HostConfig").into_iter().filter(|field| field.name != "id"));
    hosts.retain(|field| field.name != "start");
    let mut starts = fields(STARTER, "HostStarter");
    starts.extend(fields(START, "StartConfig"));
    let (mut metrics, mut traces) = (fields(FLEET, "PrometheusServer"), fields(TRACES, "TracesConfig"));
    metrics.extend(access());
    traces.extend(access());
    let mut text = HEAD.to_owned();
    let mut add = |title: &str, lead: &str, keys: &[Field], defaults: &Value, place: &str| {
        text += &section(title, lead, keys, defaults, &ranges, place);
    };
    add("The fleet", "At the top of the file, before any section.", &own, &config, "");
    let mut host_defaults = host;
    if let Some(keys) = host_defaults.as_object_mut() {
        keys.shift_remove("id");
    }
    add("`[[hosts]]`", "One for each Ollama server. Only `url` is needed.", &hosts, &host_defaults, "hosts.");
    add(
        "`[hosts.start]`",
        "How a host is started when it is needed, below its `[[hosts]]`; done where `lifecycle.mode` is `\"on\"` and `smart-ai serve` or the native engine in Node runs. See [lifecycle](lifecycle.md).",
        &starts,
        &serde_json::to_value(StartConfig::default())?,
        "hosts.start.",
    );
    add(
        "`[prometheus]`",
        "Without it, decisions rest on what Ollama and past answers tell.",
        &metrics,
        &none,
        "prometheus.",
    );
    add(
        "`[limits]`",
        "A host beyond a limit gets no request. A signal that is unknown or stale never excludes.",
        &fields(CONFIG, "Limits"),
        &none,
        "limits.",
    );
    add(
        "`[lifecycle]`",
        "Models that come and go by themselves, where `smart-ai serve` or the native engine in Node runs. See [lifecycle](lifecycle.md).",
        &fields(LIFECYCLE, "LifecycleConfig"),
        &of(&config, "/lifecycle"),
        "lifecycle.",
    );
    add(
        "`[quality.floors]`",
        "The least quality that a mode accepts, from 0 (useless) to 1, while a model that good can serve. See [quality](quality.md).",
        &fields(CONFIG, "Floors"),
        &of(&config, "/quality/floors"),
        "quality.floors.",
    );
    let mut models = fields(CONFIG, "QualityConfig");
    models.retain(|field| field.name == "models");
    add("`[quality]`", "Your own word on models.", &models, &none, "quality.");
    add(
        "`[history]`",
        "Keeps decisions, outcomes and what was learned; without it nothing is kept. See [history](history.md).",
        &fields(HISTORY, "HistoryConfig"),
        &serde_json::to_value(HistoryConfig::default())?,
        "history.",
    );
    add(
        "`[traces]`",
        "Sends traces to an OTLP collector; without it none are sent. See [traces](traces.md).",
        &traces,
        &serde_json::to_value(TracesConfig::default())?,
        "traces.",
    );
    add(
        "`[tuning]`",
        "How much each idea counts in a decision. A score is a sum of seconds, and most weights multiply one of its terms: 1 counts the term as it is\npredicted, 0 leaves it out, 2 avoids it twice as much. The defaults are measured (`bench/`). Change one at a time, compare with\n`smart-ai simulate` or watch `smart-ai report`.",
        &fields(TUNING, "Tuning"),
        &of(&config, "/tuning"),
        "tuning.",
    );
    Ok(text)
}

#[test]
fn the_reference_page_is_that_of_the_types() -> Result<(), Box<dyn Error>> {
    let text = page()?;
    assert!(text.lines().filter(|line| line.starts_with("| `")).count() > 50, "{text}");
    assert!(!text.lines().any(|line| line.ends_with("|  |")), "a key without a word on it: {text}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &text)?;
    }
    let committed = std::fs::read_to_string(&path)?;
    assert!(committed == text, "docs/configuration.md is not what the types say; run with UPDATE_DOCS=1");
    Ok(())
}
