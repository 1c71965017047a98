//! Finding words in texts, and joining them, in little code: the standard library's ways take 3 KB of WASM.

use std::str::Split;

/// Where a part begins in a text, in order.
pub(crate) fn places<'a>(text: &'a str, part: &'a str) -> impl Iterator<Item = usize> + 'a {
    let (text, part) = (text.as_bytes(), part.as_bytes());
    let begins = move |at: &usize| {
        let rest = text.get(*at..).unwrap_or_default();
        rest.first() == part.first() && rest.starts_with(part)
    };
    (0..text.len()).filter(begins)
}

pub(crate) fn holds(text: &str, part: &str) -> bool {
    places(text, part).next().is_some()
}

/// What is before the last of these signs, and what is behind it.
pub(crate) fn split_last(text: &str, sign: u8) -> Option<(&str, &str)> {
    let place = text.bytes().rposition(|byte| byte == sign)?;
    Some((text.get(..place)?, text.get(place + 1..)?))
}

/// The parts of a text between the signs that divide it: one type for all of them.
pub(crate) fn split(text: &str, divides: fn(char) -> bool) -> Split<'_, fn(char) -> bool> {
    text.split(divides)
}

/// The parts of a list of words.
pub(crate) fn alternatives(words: &str) -> Split<'_, fn(char) -> bool> {
    split(words, |sign| sign == '|')
}

/// The first letters of a text, and what is behind them.
#[inline(never)]
pub(crate) fn first(text: &str, letters: usize) -> (&str, &str) {
    let end = text.char_indices().nth(letters).map_or(text.len(), |(at, _)| at);
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// What is before the last letters of a text, and they themselves.
#[inline(never)]
pub(crate) fn last(text: &str, letters: usize) -> (&str, &str) {
    let start = text.char_indices().rev().take(letters).last().map_or(text.len(), |(at, _)| at);
    text.split_at_checked(start).unwrap_or((text, ""))
}

/// One text of several.
pub(crate) fn joined(parts: &[impl AsRef<str>], between: &str) -> String {
    let mut whole = String::new();
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            whole.push_str(between);
        }
        whole.push_str(part.as_ref());
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_what_the_standard_library_finds(text in "[abé]{0,12}", part in "[abé]{1,3}") {
            prop_assert_eq!(holds(&text, &part), text.contains(&part));
            prop_assert_eq!(places(&text, &part).next(), text.find(&part));
            prop_assert_eq!(split_last(&text, b'a'), text.rsplit_once('a'));
        }

        #[test]
        fn joins_as_the_standard_library_does(parts: Vec<String>) {
            prop_assert_eq!(joined(&parts, ", "), parts.join(", "));
        }
    }
}
