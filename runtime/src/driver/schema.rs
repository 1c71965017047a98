//! Whether an answer fits the JSON schema it was asked for.

use std::cmp::Reverse;

use jsonschema::ValidationError;
use serde_json::Value;

/// Characters up to which a message quotes what the schema asks for.
const LIMIT_MOST: usize = 200;

/// What of it does not fit, and where; no value of the answer is quoted. `None` where all fits, or where the schema is no
/// schema: the server has its own word on that. The JavaScript driver says the same.
pub(super) fn misfit(schema: &Value, answer: &str) -> Option<String> {
    if !schema.is_object() {
        return None;
    }
    let validator = jsonschema::validator_for(schema).ok()?;
    let answer: Value = serde_json::from_str(answer).ok()?;
    // The error deepest inside the answer tells most.
    let order = |error: &ValidationError<'_>| {
        let place = error.instance_path().as_str().to_owned();
        (Reverse(place.matches('/').count()), place, error.kind().keyword().to_owned())
    };
    let error = validator.iter_errors(&answer).min_by_key(order)?;
    let place = Some(error.instance_path().as_str()).filter(|place| !place.is_empty());
    let limit = limit(schema, error.evaluation_path().as_str()).map(|limit| format!(": {limit}"));
    Some(format!(
        "{}: does not fit \"{}\"{}",
        place.unwrap_or("the answer"),
        error.kind().keyword(),
        limit.unwrap_or_default()
    ))
}

/// What the schema asks for at this place, where it is short and stands there itself.
fn limit(schema: &Value, location: &str) -> Option<String> {
    let value = schema.pointer(location)?;
    let is_plain = |value: &Value| !value.is_object() && !value.is_array();
    if !(is_plain(value) || value.as_array().is_some_and(|values| values.iter().all(is_plain))) {
        return None;
    }
    Some(value.to_string()).filter(|text| text.chars().count() <= LIMIT_MOST)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::indexing_slicing, reason = "a case without its keys is a mistake of the test")]
    use super::*;

    /// The cases of both drivers.
    #[test]
    fn what_does_not_fit_is_named_with_its_place_and_never_quoted() -> Result<(), Box<dyn std::error::Error>>
    {
        let suite: Value = serde_json::from_str(include_str!("../../../tests/vectors/schema/misfit.json"))?;
        let cases = suite["cases"].as_array().ok_or("no cases")?;
        assert!(cases.len() > 10);
        for case in cases {
            let found = misfit(&case["schema"], &case["answer"].to_string());
            assert_eq!(found.as_deref(), case["misfit"].as_str(), "{}", case["name"]);
        }
        Ok(())
    }

    #[test]
    fn a_schema_that_is_none_judges_nothing() {
        for schema in [r#""json""#, r#"{"type":12}"#, r##"{"$ref":"#/nowhere"}"##] {
            assert_eq!(misfit(&serde_json::from_str(schema).unwrap_or_default(), "[]"), None, "{schema}");
        }
    }
}
