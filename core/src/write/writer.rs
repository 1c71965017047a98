//! A JSON text in the making.

use super::Write;
use crate::number::push_shortest;

/// Takes values one after the other.
#[derive(Default)]
pub struct Writer {
    text: String,
}

impl Writer {
    pub(super) fn done(self) -> String {
        self.text
    }

    /// Puts a comma before an item that is not the first.
    fn item(&mut self) {
        if !matches!(self.text.as_bytes().last(), Some(b'{' | b'[' | b':')) {
            self.text.push(',');
        }
    }

    pub(crate) fn open(&mut self, sign: char) {
        self.text.push(sign);
    }

    pub(crate) fn close(&mut self, sign: char) {
        self.text.push(sign);
    }

    /// A field of the open object, whose key is a word: nothing in it need be escaped.
    #[inline(never)]
    pub(crate) fn field(&mut self, key: &str, value: &dyn Write) {
        self.item();
        self.text.push('"');
        self.text.push_str(key);
        self.text.push_str("\":");
        value.write(self);
    }

    /// A field of the open object; its key is told as a text.
    #[inline(never)]
    pub(crate) fn entry(&mut self, key: &dyn Write, value: &dyn Write) {
        self.next(key);
        self.text.push(':');
        value.write(self);
    }

    /// A field of the open object, unless it is absent.
    #[inline(never)]
    pub(crate) fn given(&mut self, key: &str, value: &dyn Write) {
        if !value.is_absent() {
            self.field(key, value);
        }
    }

    /// An item of the open list.
    #[inline(never)]
    pub(crate) fn next(&mut self, value: &dyn Write) {
        self.item();
        value.write(self);
    }

    /// Opens an object whose tag says which fields it has.
    #[inline(never)]
    pub(crate) fn tagged(&mut self, tag: &str, word: &str) {
        self.open('{');
        self.field(tag, &word);
    }

    /// An object of one key.
    pub(crate) fn only(&mut self, key: &str, value: &dyn Write) {
        self.open('{');
        self.field(key, value);
        self.close('}');
    }

    pub(crate) fn plain(&mut self, word: &str) {
        self.text.push_str(word);
    }

    pub(crate) fn whole(&mut self, mut number: u64) {
        let mut digits = [0; 20];
        let mut length = 0;
        for place in digits.iter_mut().rev() {
            *place = b'0' + (number % 10) as u8;
            number /= 10;
            length += 1;
            if number == 0 {
                break;
            }
        }
        self.text.extend(digits.iter().skip(20 - length).map(|digit| char::from(*digit)));
    }

    pub(crate) fn float(&mut self, number: f64) {
        if !number.is_finite() {
            self.plain("null");
        } else if (0.0..1e15).contains(&number) && number % 1.0 == 0.0 && number.is_sign_positive() {
            self.whole(number as u64);
        } else {
            push_shortest(&mut self.text, number);
        }
    }

    pub(crate) fn quoted(&mut self, text: &str) {
        self.text.push('"');
        let mut rest = text;
        while let Some(place) = rest.bytes().position(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
            let Some((before, after)) = rest.split_at_checked(place) else { break };
            self.text.push_str(before);
            let mut letters = after.chars();
            self.escaped(letters.next().unwrap_or_default());
            rest = letters.as_str();
        }
        self.text.push_str(rest);
        self.text.push('"');
    }

    fn escaped(&mut self, letter: char) {
        let short = match letter {
            '"' | '\\' => letter,
            '\n' => 'n',
            '\r' => 'r',
            '\t' => 't',
            _ => {
                let code = u32::from(letter);
                self.text.push_str(if code < 16 { "\\u000" } else { "\\u001" });
                return self.text.extend(char::from_digit(code % 16, 16));
            }
        };
        self.text.push('\\');
        self.text.push(short);
    }
}
