//! What an HTTP status with its body means (Ollama's error table).

use crate::number::parse;
use serde_json::Value;

use super::json;
use super::remedy::redirects;
use crate::failure::table::{IN_STREAM, kind_of};
use crate::failure::{Failure, FailureKind};

/// Letters of a passage in quotes that history and logs may hold: a model's name, not a request.
const QUOTED_MOST: usize = 80;

/// The failure that a status other than 200 stands for. `retry_after` and `location` are the headers' values.
pub fn failure_of_status(
    status: u16,
    body: &str,
    retry_after: Option<&str>,
    location: Option<&str>,
) -> Failure {
    if let Some(location) = location.filter(|_| matches!(status, 300..=399)) {
        let to = format!("{}{} (status {status})", redirects(), without_secrets(location));
        return Failure::new(FailureKind::BadProtocol, to);
    }
    let words = words_of(body);
    let said = words.as_deref().unwrap_or_default();
    let kind = kind_of(status, said);
    let mut failure = Failure::new(kind, detail(status, body, words.as_deref()));
    failure.retry_after_ms = retry_after.and_then(milliseconds);
    failure
}

/// The failure that an `error` inside a stream stands for.
pub(super) fn failure_of_line(error: &Value) -> Failure {
    let words = words_of_value(error).unwrap_or_default();
    let kind = kind_of(IN_STREAM, &words);
    let words = if words.is_empty() {
        "the server broke the answer off".to_owned()
    } else {
        without_long_quotes(&words)
    };
    Failure::new(kind, words)
}

fn detail(status: u16, body: &str, words: Option<&str>) -> String {
    match (status, words) {
        (403, None) if body.trim().is_empty() => {
            "403 without a word: Ollama refuses this Host header; use localhost, an IP address or *.local"
                .to_owned()
        }
        (_, Some(words)) => without_long_quotes(words),
        (_, None) => format!("status {status} with {}", json::found(body.as_bytes())),
    }
}

/// What the server says in its `error` field, of Ollama's own shape or of the compatible ones.
fn words_of(body: &str) -> Option<String> {
    let value: Value = serde_json::from_str(body).ok()?;
    words_of_value(value.get("error")?)
}

/// A text, an object with a message, or JSON within a text: the runner's own error with exact token counts.
fn words_of_value(error: &Value) -> Option<String> {
    if let Some(text) = error.as_str() {
        let nested = text.starts_with('{').then(|| words_of(text)).flatten();
        return Some(nested.unwrap_or_else(|| text.to_owned())).filter(|text| !text.is_empty());
    }
    let tokens = json::whole(error.get("n_prompt_tokens"));
    let context = json::whole(error.get("n_ctx"));
    if let (Some(tokens), Some(context)) = (tokens, context) {
        return Some(format!(
            "the prompt of {tokens} tokens exceeds the available context of {context} tokens"
        ));
    }
    error.get("message")?.as_str().map(str::to_owned)
}

/// What a server says, as history and logs may hold it. A long passage in quotes is part of a request or an answer, and is left out;
/// without a closing quote it reaches to the end.
fn without_long_quotes(words: &str) -> String {
    let is_outside = |letter: Option<char>| letter.is_none_or(|letter| !letter.is_alphanumeric());
    let mut told = String::with_capacity(words.len());
    let mut rest = words;
    while let Some(open) = rest.char_indices().position(|(at, letter)| {
        matches!(letter, '\'' | '"' | '`') && is_outside(rest[..at].chars().next_back())
    }) {
        let (open, quote) = rest.char_indices().nth(open).unwrap_or((0, '"'));
        let passage = &rest[open + 1..];
        let closes = |&(at, _): &(usize, &str)| is_outside(passage[at + 1..].chars().next());
        let mut marks = passage.match_indices(quote).filter(closes).map(|(at, _)| at);
        let first = marks.next();
        let is_long = |end: usize| passage[..end].chars().count() > QUOTED_MOST;
        // Within a long passage the same mark may stand again: the last one closes it.
        let close = if first.is_none_or(is_long) { marks.next_back().or(first) } else { first };
        told.push_str(&rest[..=open]);
        let end = close.unwrap_or(passage.len());
        told.push_str(if is_long(end) { "\u{2026}" } else { &passage[..end] });
        rest = &passage[end..];
        if close.is_some() {
            told.push(quote);
            rest = &rest[1..];
        }
    }
    told + rest
}

/// An address without what may be a key: user and password, query and fragment.
fn without_secrets(address: &str) -> String {
    let address = address.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = address.split_once("//") else { return address.to_owned() };
    let (authority, path) = rest.find('/').map_or((rest, ""), |end| rest.split_at(end));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}//{host}{path}")
}

/// `Retry-After` in seconds; a date is left to the dispatcher's own pause.
fn milliseconds(header: &str) -> Option<u64> {
    let seconds = parse(header)?;
    (seconds.is_finite() && (0.0..=86_400.0).contains(&seconds)).then_some((seconds * 1000.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_quotes_of_a_request_or_an_answer_is_left_out() {
        let secret = "rm -rf /srv/books; it's the user's own text, ".repeat(4);
        for (said, told) in [
            (
                format!("error parsing tool call: raw='{{\"run\":\"{secret}\"}}', err=bad"),
                "error parsing tool call: raw='\u{2026}', err=bad",
            ),
            (format!("cannot read \"{secret}\" as JSON"), "cannot read \"\u{2026}\" as JSON"),
            (format!("'m' said `{secret}` to \"n\""), "'m' said `\u{2026}` to \"n\""),
            (format!("bad call: raw='{{\"run\":\"{secret}"), "bad call: raw='\u{2026}"),
        ] {
            let body = serde_json::json!({ "error": said }).to_string();
            assert_eq!(failure_of_status(500, &body, None, None).detail, told);
            assert_eq!(failure_of_line(&Value::String(said)).detail, told);
        }
    }

    #[test]
    fn names_and_apostrophes_stand() {
        let said = "model 'qwen2.5:7b' can't be loaded: it doesn't fit, since it needs 5.6 GiB and the system hasn't more than 3.1 GiB that isn't taken by 'llama3.2:3b'";
        assert_eq!(failure_of_line(&Value::String(said.to_owned())).detail, said);
    }
}
