//! Cells of a table: moments as people read them, texts that no spreadsheet carries out.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A moment as a clock on the wall shows it.
pub(super) fn local(at_ms: u64) -> String {
    let at = Timestamp::from_millisecond(i64::try_from(at_ms).unwrap_or(0)).unwrap_or_default();
    at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A spreadsheet takes a text that begins so for a formula, and carries it out.
pub(super) fn harmless(text: &str) -> Cow<'_, str> {
    match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠' | '\t' | '\r' | '\n') => {
            Cow::Owned(format!("'{text}"))
        }
        Some(_) | None => Cow::Borrowed(text),
    }
}
