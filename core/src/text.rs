//! The two ends of a text, counted in characters.

/// The first characters of a text, and what is behind them.
pub(crate) fn first(text: &str, characters: usize) -> (&str, &str) {
    let end = text.char_indices().nth(characters).map_or(text.len(), |(at, _)| at);
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// What is before the last characters of a text, and they themselves.
pub(crate) fn last(text: &str, characters: usize) -> (&str, &str) {
    let start = text.char_indices().rev().take(characters).last().map_or(text.len(), |(at, _)| at);
    text.split_at_checked(start).unwrap_or((text, ""))
}
