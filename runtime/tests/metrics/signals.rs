//! Answers whose metrics are missing, old, doubled or nonsense.

use serde_json::{Value, json};
use smart_ai::Decision;

use crate::server::Behaviour;
use crate::{Result, decision_beside};

const CPU: &str = "node_exporter_linux/cpu_busy_ratio";
const MEMORY: &str = "node_exporter_linux/memory_available_bytes";

fn series(instance: &str, branch: &str, value: &str) -> Value {
    json!({"metric": {"instance": instance, "smart_ai": branch}, "value": [1_700_000_000.123, value]})
}

/// A value of `pc` and its age.
fn reading(name: &str, value: &str, age_s: &str) -> [Value; 2] {
    [series("pc:9100", &format!("{name}/value"), value), series("pc:9100", &format!("{name}/age"), age_s)]
}

async fn decision_of(series: &[Value]) -> Result<Decision> {
    let body = json!({"status": "success", "data": {"resultType": "vector", "result": series}});
    decision_beside(Behaviour::answers(200, "", &body.to_string())).await
}

fn signals(decision: &Decision) -> Vec<(&'static str, f64, bool)> {
    decision.signals.iter().map(|signal| (signal.signal.as_str(), signal.value, signal.stale)).collect()
}

#[tokio::test]
async fn good_signals_need_no_note() -> Result {
    let good = [reading(CPU, "0.25", "2"), reading(MEMORY, "8e9", "2")].concat();
    let decision = decision_of(&good).await?;
    assert_eq!(signals(&decision), [("cpu_busy_ratio", 0.25, false), ("memory_available_bytes", 8e9, false)]);
    assert_eq!(decision.notes, [""; 0]);
    Ok(())
}

#[tokio::test]
async fn missing_signals_are_named() -> Result {
    let both = "signals missing: cpu_busy_ratio of pc, memory_available_bytes of pc";
    assert_eq!(decision_of(&[]).await?.notes, [both]);
    let other = series("laptop:9100", &format!("{CPU}/value"), "0.1");
    assert_eq!(decision_of(&[other]).await?.notes, [both]);
    let ageless = series("pc:9100", &format!("{CPU}/value"), "0.1");
    assert_eq!(decision_of(&[ageless]).await?.notes, [both]);
    let half = decision_of(&reading(CPU, "0.25", "2")).await?;
    assert_eq!(half.notes, ["signals missing: memory_available_bytes of pc"]);
    Ok(())
}

#[tokio::test]
async fn a_value_that_is_no_measurement_counts_as_missing() -> Result {
    for value in ["NaN", "+Inf", "-Inf", "1e300", "-7", "many", ""] {
        let decision = decision_of(&reading(CPU, value, "2")).await?;
        assert!(decision.signals.is_empty(), "{value}: {:?}", decision.signals);
        assert!(decision.notes[0].contains("missing: cpu_busy_ratio of pc"), "{value}: {:?}", decision.notes);
    }
    for age in ["NaN", "+Inf", "long"] {
        let decision = decision_of(&reading(CPU, "0.5", age)).await?;
        assert!(decision.signals.is_empty(), "{age}: {:?}", decision.signals);
    }
    Ok(())
}

#[tokio::test]
async fn stale_signals_are_named_with_their_age() -> Result {
    let old = [reading(CPU, "0.99", "500"), reading(MEMORY, "8e9", "2")].concat();
    let decision = decision_of(&old).await?;
    assert_eq!(decision.notes, ["signals stale: cpu_busy_ratio of pc (500 s old)"]);
    Ok(())
}

#[tokio::test]
async fn of_doubled_series_the_first_counts() -> Result {
    let doubled =
        [reading(CPU, "0.25", "2"), reading(CPU, "0.75", "1"), reading(MEMORY, "8e9", "2")].concat();
    let decision = decision_of(&doubled).await?;
    assert_eq!(signals(&decision)[0], ("cpu_busy_ratio", 0.25, false));
    Ok(())
}

#[tokio::test]
async fn hostile_labels_and_shapes_reach_nobody() -> Result {
    let evil = "pc\u{1b}[2J\"}\n<script>alert(1)</script>";
    let mut hostile = reading(CPU, "0.25", "2").to_vec();
    hostile.extend([
        series(evil, &format!("{CPU}/value"), "0.9"),
        series(&"x".repeat(100_000), &format!("{CPU}/value"), "0.9"),
        series("pc:9100", evil, "0.9"),
        series("pc:9100", "../../etc/passwd/value", "0.9"),
        json!({"metric": {"instance": 5, "smart_ai": []}, "value": {}}),
        json!({"metric": null, "value": [1]}),
        json!("series"),
        json!(null),
    ]);
    let decision = decision_of(&hostile).await?;
    let text = serde_json::to_string(&decision)?;
    assert_eq!(signals(&decision), [("cpu_busy_ratio", 0.25, false)]);
    assert!(!text.contains("script") && !text.contains("xxxx") && !text.contains("passwd"), "{text}");
    Ok(())
}
