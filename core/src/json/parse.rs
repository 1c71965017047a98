//! Reading a JSON text into a tree (RFC 8259).

use std::fmt;

use super::{Json, Object};
use crate::number::Decimal;

/// Lists and objects inside each other.
const DEPTH_MAX: u32 = 128;

/// Why a text is not JSON, and where. Never quotes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Broken {
    what: &'static str,
    /// Lines from 1.
    pub line: usize,
    /// Characters from 1, in bytes.
    pub column: usize,
}

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} at line {} column {}", self.what, self.line, self.column)
    }
}

impl std::error::Error for Broken {}

pub(super) fn parse(text: &str) -> Result<Json, Broken> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    let read = parser.value().and_then(|value| {
        parser.space();
        if parser.next_byte().is_none() { Ok(value) } else { Err("trailing characters") }
    });
    read.map_err(|what| parser.broken(what))
}

/// Reads on from a place. What goes wrong is a word; the place is known.
struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
}

type Read<T> = Result<T, &'static str>;

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn next_byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.next_byte() {
            self.at += 1;
        }
    }

    /// Steps over a sign, after white space.
    fn sign(&mut self, sign: u8) -> bool {
        self.space();
        let there = self.next_byte() == Some(sign);
        self.at += usize::from(there);
        there
    }

    fn value(&mut self) -> Read<Json> {
        self.space();
        match self.next_byte() {
            Some(b'"') => Ok(Json::Text(self.string()?)),
            Some(b'{') => self.inside(Self::object),
            Some(b'[') => self.inside(Self::list),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            Some(_) => Err("expected value"),
            None => Err("EOF while parsing a value"),
        }
    }

    fn word(&mut self, word: &str, value: Json) -> Read<Json> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err("expected ident");
        }
        self.at += word.len();
        Ok(value)
    }

    fn number(&mut self) -> Read<Json> {
        let (decimal, length) = Decimal::scan(self.rest()).ok_or("invalid number")?;
        let number = match decimal.integer() {
            Some((false, number)) => Json::Whole(number),
            Some((true, number)) if number > 0 && number <= 1 << 63 => {
                Json::Negative(0_i64.wrapping_sub_unsigned(number))
            }
            _ => {
                let value = decimal.value();
                if !value.is_finite() {
                    return Err("number out of range");
                }
                Json::Float(value)
            }
        };
        self.at += length;
        Ok(number)
    }

    fn inside(&mut self, read: fn(&mut Self) -> Read<Json>) -> Read<Json> {
        if self.depth == DEPTH_MAX {
            return Err("recursion limit exceeded");
        }
        self.at += 1;
        self.depth += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn list(&mut self) -> Read<Json> {
        let mut list = Vec::new();
        if self.sign(b']') {
            return Ok(Json::List(list));
        }
        loop {
            list.push(self.value()?);
            if self.sign(b']') {
                return Ok(Json::List(list));
            }
            if !self.sign(b',') {
                return Err(self.instead("EOF while parsing a list", "expected `,` or `]`"));
            }
        }
    }

    fn object(&mut self) -> Read<Json> {
        let mut object = Object::new();
        if self.sign(b'}') {
            return Ok(Json::Object(object));
        }
        loop {
            self.space();
            if self.next_byte() != Some(b'"') {
                return Err(self.instead("EOF while parsing an object", "key must be a string"));
            }
            let key = self.string()?;
            if !self.sign(b':') {
                return Err(self.instead("EOF while parsing an object", "expected `:`"));
            }
            object.push(key, self.value()?);
            if self.sign(b'}') {
                return Ok(Json::Object(object));
            }
            if !self.sign(b',') {
                return Err(self.instead("EOF while parsing an object", "expected `,` or `}`"));
            }
        }
    }

    fn instead(&self, at_end: &'static str, otherwise: &'static str) -> &'static str {
        if self.next_byte().is_none() { at_end } else { otherwise }
    }

    /// A text, from its opening quote to behind its closing one.
    fn string(&mut self) -> Read<String> {
        self.at += 1;
        let mut string = String::new();
        loop {
            let plain =
                self.rest().iter().take_while(|byte| **byte >= b' ' && **byte != b'"' && **byte != b'\\');
            let end = self.at + plain.count();
            // Ends at a sign of one byte, so at the border of a character.
            string.push_str(self.text.get(self.at..end).unwrap_or_default());
            self.at = end;
            match self.next_byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(string);
                }
                Some(b'\\') => {
                    self.at += 1;
                    string.push(self.escape()?);
                }
                Some(_) => return Err("control character (\\u0000-\\u001F) found while parsing a string"),
                None => return Err("EOF while parsing a string"),
            }
        }
    }

    fn escape(&mut self) -> Read<char> {
        let sign = self.next_byte().ok_or("EOF while parsing a string")?;
        self.at += 1;
        Ok(match sign {
            b'"' | b'\\' | b'/' => char::from(sign),
            b'b' => '\x08',
            b'f' => '\x0c',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err("invalid escape"),
        })
    }

    fn unicode(&mut self) -> Read<char> {
        let first = self.hex()?;
        let mut code = first;
        if (0xD800..0xDC00).contains(&first) && self.rest().starts_with(b"\\u") {
            self.at += 2;
            let second = self.hex()?;
            if !(0xDC00..0xE000).contains(&second) {
                return Err("lone leading surrogate in hex escape");
            }
            code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        }
        char::from_u32(code).ok_or("lone leading surrogate in hex escape")
    }

    fn hex(&mut self) -> Read<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.next_byte().and_then(|byte| char::from(byte).to_digit(16));
            code = code * 16 + digit.ok_or("invalid escape")?;
            self.at += 1;
        }
        Ok(code)
    }

    fn broken(&self, what: &'static str) -> Broken {
        let mut broken = Broken { what, line: 1, column: 1 };
        for byte in self.text.bytes().take(self.at) {
            broken.column += 1;
            if byte == b'\n' {
                broken.line += 1;
                broken.column = 1;
            }
        }
        broken
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_json_is_refused_with_its_place() {
        let refusal = |text: &str| Json::parse(text).unwrap_err().to_string();
        assert_eq!(refusal(""), "EOF while parsing a value at line 1 column 1");
        assert_eq!(refusal("nonsense"), "expected ident at line 1 column 1");
        assert_eq!(refusal("{\"a\": 1,\n  b}"), "key must be a string at line 2 column 3");
        assert_eq!(refusal("[1, 2"), "EOF while parsing a list at line 1 column 6");
        assert_eq!(refusal("{} x"), "trailing characters at line 1 column 4");
        assert_eq!(refusal("1e999"), "number out of range at line 1 column 1");
        assert!(refusal(&"[".repeat(200)).starts_with("recursion limit exceeded"));
    }

    #[test]
    fn a_key_written_twice_counts_as_it_was_written_last() {
        let Json::Object(mut object) = Json::parse(r#"{"a": 1, "b": 2, "a": 3}"#).unwrap() else { return };
        assert_eq!(object.get("a"), Some(&Json::Whole(3)));
        assert_eq!(object.remove("a"), Some(Json::Whole(3)));
        assert_eq!(object.keys().collect::<Vec<_>>(), ["b"]);
    }

    fn same(text: &str) -> bool {
        let (ours, theirs) = (Json::parse(text), serde_json::from_str::<serde_json::Value>(text));
        match (&ours, &theirs) {
            (Ok(ours), Ok(theirs)) => serde_json::to_value(ours).unwrap() == *theirs,
            (Err(_), Err(_)) => true,
            _ => false,
        }
    }

    #[test]
    fn hard_texts_are_read_as_serde_json_reads_them() {
        for text in [
            r#""\u00e9\ud83d\ude00\n\"\/""#,
            r#""\ud83d""#,
            r#""\ude00""#,
            r#""\ud83dx""#,
            r#""\ud83d\u0041""#,
            r#""\x""#,
            "\"\n\"",
            "\"é😀\"",
            "-0",
            "-0.0",
            "18446744073709551615",
            "18446744073709551616",
            "-9223372036854775808",
            "-1",
            "1.0",
            "01",
            "+1",
            "1.",
            "tru",
            "nullx",
            "[1,]",
            "[,1]",
            "{\"a\":1,}",
            "{\"a\" 1}",
            "{1:2}",
            "[1 2]",
            " [ ] ",
            "{ }",
            "\u{feff}1",
            "'a'",
            "NaN",
            "-",
        ] {
            assert!(same(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn texts_are_read_as_serde_json_reads_them(text in r#"([\[\]{}:, \n]|"[a\\u0d8e"/bé😀]{0,6}"|-?[0-9]{1,3}(\.[0-9])?(e[+-]?[0-9])?|true|null){0,12}"#) {
            prop_assert!(same(&text), "{text}");
        }
    }
}
