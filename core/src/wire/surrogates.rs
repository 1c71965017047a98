//! JSON text as others write it: JavaScript cuts an emoji in two, and half of one is no character.

use std::borrow::Cow;

/// What stands for half a character, as an escape: as long as the one it replaces.
const REPLACEMENT: &[u8] = b"\\ufffd";

/// The text of a JSON body. A byte that is no UTF-8 and an escape that is half of a surrogate pair become U+FFFD, as in Ollama's
/// own reader.
pub fn json_text(body: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(body);
    let halves = halves(text.as_bytes());
    if halves.is_empty() {
        return text;
    }
    let mut bytes = text.into_owned().into_bytes();
    for at in halves {
        if let Some(escape) = bytes.get_mut(at..at + REPLACEMENT.len()) {
            escape.copy_from_slice(REPLACEMENT);
        }
    }
    match String::from_utf8(bytes) {
        Ok(text) => Cow::Owned(text),
        Err(error) => Cow::Owned(String::from_utf8_lossy(error.as_bytes()).into_owned()),
    }
}

/// Where escapes begin that are half of a pair.
fn halves(text: &[u8]) -> Vec<usize> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(skipped) = text.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\\')) {
        at += skipped;
        at += match (unit(text, at), unit(text, at + REPLACEMENT.len())) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 2 * REPLACEMENT.len(),
            (Some(0xD800..=0xDFFF), _) => {
                found.push(at);
                REPLACEMENT.len()
            }
            // An escape takes two signs: the second of an escaped backslash begins none.
            (Some(_) | None, _) => 2,
        };
    }
    found
}

/// The number of the escape `\uXXXX` that begins here.
fn unit(text: &[u8], at: usize) -> Option<u32> {
    let digits = text.get(at..at + REPLACEMENT.len())?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |number, digit| Some(number * 16 + char::from(*digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::json_text;

    #[test]
    fn half_a_character_is_a_replacement_and_a_whole_one_stays() {
        let cases = [
            (r#""cut \ud83d""#, r#""cut \ufffd""#),
            (r#""\ude00 cut""#, r#""\ufffd cut""#),
            (r#""\uD83D\ude00""#, r#""\uD83D\ude00""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\ud83d\u0041\udead""#, r#""\ufffd\u0041\ufffd""#),
            (r#""\\ud83d \\\ud83d""#, r#""\\ud83d \\\ufffd""#),
            (r#""\ud83"#, r#""\ud83"#),
            ("\"é😀\\", "\"é😀\\"),
        ];
        for (given, expected) in cases {
            assert_eq!(json_text(given.as_bytes()), expected);
        }
        assert_eq!(json_text(b"\"a\xffb\""), "\"a\u{fffd}b\"");
    }
}
