//! Values that satisfy a JSON schema, the same for the same seed.

use serde_json::{Map, Value, json};

use super::lorem;
use crate::random::Random;

const DEEPEST: u8 = 16;

/// A value that satisfies the schema.
pub(crate) fn value_of(schema: &Value, random: &mut Random) -> Value {
    Generator { root: schema, random }.value(schema, 0)
}

/// The object that `"format": "json"` gets.
pub(crate) fn object_of(random: &mut Random) -> Value {
    json!({ "text": lorem(random, 6).concat() })
}

/// Whether every type in it is one that JSON has.
pub(crate) fn is_schema(schema: &Value) -> bool {
    const KINDS: &[&str] = &["object", "array", "string", "integer", "number", "boolean", "null"];
    let Value::Object(map) = schema else { return true };
    let known = match map.get("type") {
        Some(Value::String(kind)) => KINDS.contains(&kind.as_str()),
        _ => true,
    };
    let properties =
        map.get("properties").and_then(Value::as_object).into_iter().flat_map(serde_json::Map::values);
    known && properties.chain(map.get("items")).all(is_schema)
}

struct Generator<'a> {
    root: &'a Value,
    random: &'a mut Random,
}

impl Generator<'_> {
    fn value(&mut self, schema: &Value, depth: u8) -> Value {
        let Value::Object(map) = schema else { return Value::Null };
        if depth > DEEPEST {
            return Value::Null;
        }
        if let Some(value) = map.get("const") {
            return value.clone();
        }
        if let Some(Value::Array(choices)) = map.get("enum") {
            return self.random.pick(choices).cloned().unwrap_or(Value::Null);
        }
        if let Some(target) =
            map.get("$ref").and_then(Value::as_str).and_then(|reference| self.resolve(reference))
        {
            return self.value(&target, depth + 1);
        }
        if let Some(Value::Array(parts)) = map.get("allOf") {
            return self.value(&merged(map, parts), depth + 1);
        }
        for key in ["anyOf", "oneOf"] {
            if let Some(Value::Array(choices)) = map.get(key) {
                let choice = self.random.pick(choices).cloned().unwrap_or(Value::Null);
                return self.value(&choice, depth + 1);
            }
        }
        match kind(map) {
            "object" => self.object(map, depth),
            "array" => self.array(map, depth),
            "integer" => self.integer(map),
            "number" => self.number(map),
            "boolean" => Value::Bool(self.random.below(2) == 1),
            "null" => Value::Null,
            _ => self.string(map),
        }
    }

    fn resolve(&self, reference: &str) -> Option<Value> {
        self.root.pointer(reference.strip_prefix('#')?).cloned()
    }

    fn object(&mut self, map: &Map<String, Value>, depth: u8) -> Value {
        let Some(Value::Object(properties)) = map.get("properties") else { return json!({}) };
        let required: Vec<&str> = map
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        // Optional properties are left out deep down, so that a recursive schema ends.
        let fields = properties
            .iter()
            .filter(|(name, _)| depth < 4 || required.contains(&name.as_str()))
            .map(|(name, schema)| (name.clone(), self.value(schema, depth + 1)));
        Value::Object(fields.collect())
    }

    fn array(&mut self, map: &Map<String, Value>, depth: u8) -> Value {
        let bound = |key: &str| map.get(key).and_then(Value::as_u64);
        let least = bound("minItems").unwrap_or(0);
        let wanted = if depth < 4 { 1 + self.random.below(3) } else { 0 };
        let count = wanted.max(least).min(bound("maxItems").unwrap_or(u64::MAX));
        let any = json!({ "type": "string" });
        let items = map.get("items").unwrap_or(&any);
        (0..count).map(|_| self.value(items, depth + 1)).collect()
    }

    fn integer(&mut self, map: &Map<String, Value>) -> Value {
        let bound = |key: &str, step: i64| map.get(key).and_then(Value::as_f64).map(|n| n as i64 + step);
        let least = bound("minimum", 0).or(bound("exclusiveMinimum", 1));
        let most = bound("maximum", 0).or(bound("exclusiveMaximum", -1));
        let (least, most) = match (least, most) {
            (Some(least), Some(most)) => (least, most.max(least)),
            (Some(least), None) => (least, least.saturating_add(100)),
            (None, Some(most)) => (most.saturating_sub(100), most),
            (None, None) => (0, 100),
        };
        Value::from(least + self.random.below(most.abs_diff(least).saturating_add(1)).cast_signed())
    }

    fn number(&mut self, map: &Map<String, Value>) -> Value {
        let bound = |key: &str| map.get(key).and_then(Value::as_f64);
        let least = bound("minimum").or(bound("exclusiveMinimum")).unwrap_or_else(|| {
            bound("maximum").or(bound("exclusiveMaximum")).map_or(0.0, |most| most - 100.0)
        });
        let most = bound("maximum").or(bound("exclusiveMaximum")).unwrap_or(least + 100.0);
        // Strictly inside, so that exclusive bounds hold as well.
        json!(least + (most - least) * (0.25 + self.random.unit() / 2.0))
    }

    fn string(&mut self, map: &Map<String, Value>) -> Value {
        let fixed = match map.get("format").and_then(Value::as_str) {
            Some("date-time") => Some("2026-01-31T12:00:00Z"),
            Some("date") => Some("2026-01-31"),
            Some("time") => Some("12:00:00Z"),
            Some("email") => Some("lorem@example.com"),
            Some("uri" | "url") => Some("https://example.com/lorem"),
            Some("uuid") => Some("123e4567-e89b-42d3-a456-426614174000"),
            _ => None,
        };
        if let Some(fixed) = fixed {
            return Value::from(fixed);
        }
        let bound = |key: &str| map.get(key).and_then(Value::as_u64).map(|n| n as usize);
        let mut text = lorem(self.random, 3).concat();
        while text.chars().count() < bound("minLength").unwrap_or(0) {
            text.push_str(" lorem");
        }
        Value::from(text.chars().take(bound("maxLength").unwrap_or(usize::MAX)).collect::<String>())
    }
}

fn kind(map: &Map<String, Value>) -> &str {
    match map.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str).unwrap_or("null"),
        _ if map.contains_key("properties") => "object",
        _ if map.contains_key("items") => "array",
        _ => "string",
    }
}

/// The schema with the properties and requirements of all its `allOf` parts.
fn merged(map: &Map<String, Value>, parts: &[Value]) -> Value {
    let mut whole = map.clone();
    whole.shift_remove("allOf");
    for (key, value) in parts.iter().filter_map(Value::as_object).flatten() {
        match (whole.get_mut(key), value) {
            (Some(Value::Object(into)), Value::Object(from)) => into.extend(from.clone()),
            (Some(Value::Array(into)), Value::Array(from)) => into.extend(from.clone()),
            _ => drop(whole.insert(key.clone(), value.clone())),
        }
    }
    Value::Object(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(schema: &Value, holds: impl Fn(&Value) -> bool) {
        for seed in 0..50 {
            let value = value_of(schema, &mut Random::new(seed));
            assert!(holds(&value), "{value}");
        }
    }

    #[test]
    fn values_keep_to_their_bounds() {
        all(&json!({"type": "integer", "minimum": 3, "maximum": 5}), |v| matches!(v.as_i64(), Some(3..=5)));
        all(&json!({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}), |v| {
            v.as_f64().is_some_and(|n| n > 0.0 && n < 1.0)
        });
        all(&json!({"type": "string", "minLength": 30, "maxLength": 40}), |v| {
            v.as_str().is_some_and(|s| (30..=40).contains(&s.chars().count()))
        });
        all(&json!({"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 2, "maxItems": 2}), |v| {
            v.as_array().is_some_and(|a| a.len() == 2 && a.iter().all(|i| i == "a" || i == "b"))
        });
    }

    #[test]
    fn references_unions_and_recursion_end() {
        let tree = json!({"$ref": "#/$defs/node", "$defs": {"node": {"type": "object",
            "properties": {"name": {"type": "string"}, "next": {"$ref": "#/$defs/node"}}, "required": ["name"]}}});
        all(&tree, |v| v.get("name").is_some_and(Value::is_string));
        all(&json!({"anyOf": [{"const": 1}, {"type": "null"}]}), |v| v == &json!(1) || v.is_null());
        let both =
            json!({"allOf": [{"properties": {"a": {"const": 1}}}, {"properties": {"b": {"const": 2}}}]});
        all(&both, |v| v == &json!({"a": 1, "b": 2}));
    }
}
