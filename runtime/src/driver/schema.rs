//! Whether an answer fits the JSON schema it was asked for.

use smart_ai_core::Json;

/// What of it does not fit, and where; no value of the answer is quoted. `None` where all fits, or where the schema is no
/// schema: the server has its own word on that.
pub(super) fn misfit(schema: &Json, answer: &str) -> Option<String> {
    let schema: serde_json::Value = serde_json::from_str(&schema.to_string()).ok()?;
    if !schema.is_object() {
        return None;
    }
    let validator = jsonschema::validator_for(&schema).ok()?;
    let answer: serde_json::Value = serde_json::from_str(answer).ok()?;
    let error = validator.iter_errors(&answer).next()?;
    let place = error.instance_path().to_string();
    let place = if place.is_empty() { "the answer" } else { place.as_str() };
    Some(format!("{place}: {}", error.masked()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(schema: &str, answer: &str) -> Option<String> {
        misfit(&Json::parse(schema).unwrap_or_default(), answer)
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_place_and_never_quoted() {
        let schema =
            r#"{"type":"object","properties":{"age":{"type":"integer","maximum":130}},"required":["age"]}"#;
        assert_eq!(judged(schema, r#"{"age":42}"#), None);
        let text = judged(schema, r#"{"age":"secret"}"#).unwrap_or_default();
        assert!(text.starts_with("/age: ") && text.contains("integer") && !text.contains("secret"), "{text}");
        let text = judged(schema, r#"{"age":4242}"#).unwrap_or_default();
        assert!(text.contains("130") && !text.contains("4242"), "{text}");
        let text = judged(schema, "{}").unwrap_or_default();
        assert!(text.starts_with("the answer: ") && text.contains("age"), "{text}");
    }

    #[test]
    fn a_schema_that_is_none_judges_nothing() {
        for schema in [r#""json""#, r#"{"type":12}"#, r##"{"$ref":"#/nowhere"}"##] {
            assert_eq!(judged(schema, "[]"), None, "{schema}");
        }
    }
}
