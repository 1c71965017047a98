//! What a look at a host shows: `/api/version`, `/api/tags`, `/api/ps`.

use crate::number::parse;
use jiff::Timestamp;
use serde::Deserialize as _;

use serde_json::Value;

use crate::json::Object;

use super::json;
use crate::event::{ModelTag, ResidentModel};
use crate::failure::Failure;
use crate::request::Capability;

/// Bytes of a name: registry, namespace, model and tag have 350 and three times 80 at most.
const NAME_MAX: usize = 600;
/// Entries of one list that are read.
const ENTRIES_MAX: usize = 10_000;
/// An expiry in this year or later means "for ever": Ollama writes that as a moment some three centuries away.
const NEVER: &str = "2200";

/// Reads the body of `/api/version`.
///
/// # Errors
/// `bad_protocol` where it is not Ollama's.
pub fn read_version(body: &str) -> Result<String, Failure> {
    let expected = "Ollama's version";
    let map = json::object(body, expected)?;
    json::text(&map, "version").map(str::to_owned).ok_or_else(|| json::not(expected, body))
}

/// Reads the body of `/api/tags`. An entry without a name, or with one longer than any can be, is skipped.
///
/// # Errors
/// `bad_protocol` where it is not Ollama's.
pub fn read_tags(body: &str) -> Result<Vec<ModelTag>, Failure> {
    Ok(read_tag_entries(body)?.into_iter().map(|(tag, _)| tag).collect())
}

/// As [`read_tags`], each with its entry as it came.
///
/// # Errors
/// `bad_protocol` where it is not Ollama's.
pub fn read_tag_entries(body: &str) -> Result<Vec<(ModelTag, Object)>, Failure> {
    entries(body, "Ollama's list of models", tag)
}

/// Reads the body of `/api/ps`. An entry without a name is skipped. `date` is the answer's header `Date`: when models expire is
/// told by the host's own clock.
///
/// # Errors
/// `bad_protocol` where it is not Ollama's.
pub fn read_ps(body: &str, date: Option<&str>) -> Result<Vec<ResidentModel>, Failure> {
    Ok(read_ps_entries(body, date)?.into_iter().map(|(resident, _)| resident).collect())
}

/// As [`read_ps`], each with its entry as it came.
///
/// # Errors
/// `bad_protocol` where it is not Ollama's.
pub fn read_ps_entries(body: &str, date: Option<&str>) -> Result<Vec<(ResidentModel, Object)>, Failure> {
    let now = date.and_then(|date| Some(jiff::fmt::rfc2822::parse(date).ok()?.timestamp()));
    entries(body, "Ollama's list of loaded models", |entry| resident(entry, now))
}

fn entries<T>(
    body: &str,
    expected: &str,
    read: impl Fn(&Object) -> Option<T>,
) -> Result<Vec<(T, Object)>, Failure> {
    let list = match json::object(body, expected)?.remove("models") {
        Some(Value::Array(list)) => list,
        Some(Value::Null) => Vec::new(),
        _ => return Err(json::not(expected, body)),
    };
    let entry = |entry| match entry {
        Value::Object(map) => Some((read(&map)?, map)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    };
    Ok(list.into_iter().filter_map(entry).take(ENTRIES_MAX).collect())
}

fn tag(map: &Object) -> Option<ModelTag> {
    let name = name(map)?;
    let details = map.get("details").and_then(Value::as_object);
    let detail = |key| details.and_then(|details| json::text(details, key));
    Some(ModelTag {
        digest: json::text(map, "digest").unwrap_or_default().to_owned(),
        size_bytes: json::whole(map.get("size")).unwrap_or(0),
        parameters: detail("parameter_size").and_then(parameters),
        family: detail("family").map(str::to_owned),
        remote: is_remote(map, &name),
        capabilities: map.get("capabilities").and_then(capabilities),
        name,
    })
}

fn resident(map: &Object, now: Option<Timestamp>) -> Option<ResidentModel> {
    let expires_at = json::text(map, "expires_at");
    let expires = expires_at.and_then(|expires_at| expires_at.parse::<Timestamp>().ok());
    Some(ResidentModel {
        name: name(map)?,
        digest: json::text(map, "digest").unwrap_or_default().to_owned(),
        size_bytes: json::whole(map.get("size")).unwrap_or(0),
        vram_bytes: json::whole(map.get("size_vram")).unwrap_or(0),
        context_tokens: json::small(map.get("context_length")).filter(|tokens| *tokens > 0),
        pinned: expires_at.is_some_and(|expires_at| expires_at >= NEVER),
        expires_in_s: expires.zip(now).map(|(expires, now)| expires.duration_since(now).as_secs_f64()),
    })
}

fn name(map: &Object) -> Option<String> {
    let name = json::text(map, "name").or_else(|| json::text(map, "model"))?;
    (name.len() <= NAME_MAX).then(|| name.to_owned())
}

/// A cloud model: it leaves the machine.
fn is_remote(map: &Object, name: &str) -> bool {
    let named = name.ends_with(":cloud") || name.ends_with("-cloud");
    named || json::text(map, "remote_host").is_some() || json::text(map, "remote_model").is_some()
}

/// The words of a list that core understands.
pub(super) fn capabilities(list: &Value) -> Option<Vec<Capability>> {
    let known = list.as_array()?.iter().filter_map(|word| Capability::deserialize(word).ok());
    Some(known.collect())
}

/// "3.2B", "135M", "8x7B" as a number.
pub(super) fn parameters(text: &str) -> Option<f64> {
    let text = text.trim();
    let unit = match text.chars().next_back()?.to_ascii_uppercase() {
        'K' => 1e3,
        'M' => 1e6,
        'B' => 1e9,
        'T' => 1e12,
        _ => 1.0,
    };
    let digits = text.trim_end_matches(|end: char| end.is_ascii_alphabetic());
    let mut product = unit;
    for factor in digits.split(['x', 'X']) {
        product *= parse(factor)?;
    }
    (product.is_finite() && product > 0.0).then_some(product)
}
