//! A value that core refuses is refused with its place and what would be right.

use serde::de::DeserializeOwned;
use serde_json::json;
use smart_ai_core::wire::{Answer, FleetConfig, Reply};
use smart_ai_core::{Config, Event, HostState, Request, Usage, json as core_json};

fn refusal<T: DeserializeOwned>(value: serde_json::Value) -> String {
    core_json::from_value::<T>(value).map_or_else(|refusal| refusal.to_string(), |_| "accepted".to_owned())
}

fn fleet_refusal(value: serde_json::Value) -> String {
    FleetConfig::from_value(value).map_or_else(|refusal| refusal.to_string(), |_| "accepted".to_owned())
}

#[test]
fn an_unknown_key_of_a_fleet_is_named_with_the_known_ones_of_core_and_of_servers() {
    let text = fleet_refusal(json!({"hosts": [{"url": "http://a", "api_kye": "secret"}]}));
    assert!(text.starts_with("hosts[0].api_kye: unknown field `api_kye`, expected one of"), "{text}");
    assert!(text.contains("`parallel`") && text.contains("`api_key`") && !text.contains("secret"), "{text}");
    let text = fleet_refusal(json!({"hosts": [], "promehteus": {"url": "http://a"}}));
    assert!(
        text.starts_with("promehteus: unknown field `promehteus`") && text.contains("`prometheus`"),
        "{text}"
    );
    let text = fleet_refusal(json!({"hosts": [], "metrics": true}));
    assert!(text.starts_with("metrics: unknown field `metrics`"), "{text}");
    assert_eq!(fleet_refusal(json!({"hosts": ["a"]})), "hosts[0]: invalid type: string, expected an object");
    assert_eq!(fleet_refusal(json!({})), "hosts: missing field `hosts`");
}

#[test]
fn an_unknown_key_is_named_with_its_place_and_the_known_ones() {
    let text = refusal::<Config>(json!({"hosts": [{"id": "a"}, {"id": "b", "paralel": 2}]}));
    let known = "expected one of `id`, `parallel`, `max_loaded`, `keep_alive_s`";
    assert!(text.starts_with(&format!("hosts[1].paralel: unknown field `paralel`, {known}")), "{text}");
    let text = refusal::<Config>(json!({"hosts": [], "limits": {"cpu": 1}}));
    assert_eq!(
        text,
        "limits.cpu: unknown field `cpu`, expected `max_cpu_percent` or `min_free_memory_percent`"
    );
    let text = refusal::<Event>(json!({"type": "started", "attempt": 1, "host": "a"}));
    assert_eq!(text, "host: unknown field `host`, expected `attempt`");
}

#[test]
fn a_missing_key_is_named_with_its_place() {
    assert_eq!(fleet_refusal(json!({"hosts": [{}]})), "hosts[0].url: missing field `url`");
    assert_eq!(refusal::<Event>(json!({"job": 1})), "type: missing field `type`");
}

#[test]
fn a_word_that_is_none_is_named_with_those_allowed() {
    let text =
        refusal::<Event>(json!({"type": "submit", "job": 1, "request": {"prompt_tokens": 1, "mode": "x"}}));
    assert_eq!(text, "unknown variant `x`, expected one of `fast`, `balanced`, `best`");
    let text = refusal::<Reply>(json!({"type": "gone"}));
    assert_eq!(text, "type: unknown variant `gone`, expected `answered` or `lost`");
    let text = refusal::<HostState>(json!({"sideways": {}}));
    assert_eq!(text, "unknown variant `sideways`, expected `up` or `down`");
}

#[test]
fn a_value_of_the_wrong_kind_is_not_quoted() {
    let text = fleet_refusal(json!({"hosts": [{"url": "http://a", "api_key": ["secret"]}]}));
    assert_eq!(text, "hosts[0].api_key: invalid type: list, expected a string");
    let text = fleet_refusal(json!({"hosts": [{"url": "http://a", "parallel": "secret"}]}));
    assert_eq!(text, "hosts[0].parallel: invalid type: string, expected a whole number from 0 to 4294967295");
    let text = refusal::<Request>(json!({"prompt_tokens": -1}));
    assert_eq!(text, "prompt_tokens: invalid value: integer, expected a whole number from 0 to 4294967295");
    assert_eq!(refusal::<Request>(json!([])), "invalid type: list, expected an object");
}

#[test]
fn what_may_be_absent_has_its_default() -> Result<(), Box<dyn std::error::Error>> {
    assert_eq!(core_json::from_value::<Usage>(json!({}))?, Usage::default());
    let config = core_json::from_value::<Config>(json!({"hosts": [{"id": "a", "memory_gb": null}]}))?;
    assert_eq!(config, Config::new(vec![smart_ai_core::HostConfig::new("a")]));
    Ok(())
}

#[test]
fn serde_reads_the_same_way() -> Result<(), Box<dyn std::error::Error>> {
    let written = serde_json::to_string(&Event::HostState {
        host: "a".into(),
        state: HostState::Down(smart_ai_core::Failure::new(smart_ai_core::FailureKind::Busy, "full")),
    })?;
    let read: Event = serde_json::from_str(&written)?;
    assert_eq!(serde_json::to_string(&read)?, written);
    let error = core_json::from_str::<Answer>("{}").err().map(|error| error.to_string());
    assert_eq!(error.as_deref(), Some("id: missing field `id`"));
    Ok(())
}
