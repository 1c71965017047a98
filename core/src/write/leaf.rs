//! The types of JSON itself.

use std::sync::Arc;

use litemap::LiteMap;

use super::{Write, Writer};
use crate::json::{Json, Object};

impl<T: Write + ?Sized> Write for &T {
    fn write(&self, to: &mut Writer) {
        (**self).write(to);
    }

    fn is_absent(&self) -> bool {
        (**self).is_absent()
    }
}

impl Write for bool {
    fn write(&self, to: &mut Writer) {
        to.plain(if *self { "true" } else { "false" });
    }
}

impl Write for str {
    fn write(&self, to: &mut Writer) {
        to.quoted(self);
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

impl Write for String {
    fn write(&self, to: &mut Writer) {
        to.quoted(self);
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

impl Write for Arc<str> {
    fn write(&self, to: &mut Writer) {
        to.quoted(self);
    }
}

impl Write for f64 {
    fn write(&self, to: &mut Writer) {
        to.float(*self);
    }
}

impl Write for u64 {
    fn write(&self, to: &mut Writer) {
        to.whole(*self);
    }
}

impl Write for u32 {
    fn write(&self, to: &mut Writer) {
        to.whole(u64::from(*self));
    }
}

impl Write for u16 {
    fn write(&self, to: &mut Writer) {
        to.whole(u64::from(*self));
    }
}

impl<T: Write> Write for Option<T> {
    fn write(&self, to: &mut Writer) {
        match self {
            Some(value) => value.write(to),
            None => to.plain("null"),
        }
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T: Write, E: Write> Write for Result<T, E> {
    fn write(&self, to: &mut Writer) {
        match self {
            Ok(value) => to.only("Ok", value),
            Err(error) => to.only("Err", error),
        }
    }
}

impl<T: Write> Write for Vec<T> {
    fn write(&self, to: &mut Writer) {
        to.open('[');
        for item in self {
            to.next(item);
        }
        to.close(']');
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

impl<K: Write + Ord, V: Write> Write for LiteMap<K, V> {
    fn write(&self, to: &mut Writer) {
        to.open('{');
        for (key, value) in self.iter() {
            to.entry(key, value);
        }
        to.close('}');
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

impl Write for Json {
    fn write(&self, to: &mut Writer) {
        match self {
            Self::Null => to.plain("null"),
            Self::Bool(value) => value.write(to),
            Self::Whole(number) => to.whole(*number),
            Self::Negative(number) => {
                to.plain("-");
                to.whole(number.unsigned_abs());
            }
            Self::Float(number) => to.float(*number),
            Self::Text(text) => to.quoted(text),
            Self::List(list) => list.write(to),
            Self::Object(object) => object.write(to),
        }
    }

    fn is_absent(&self) -> bool {
        self.is_null()
    }
}

impl Write for Object {
    fn write(&self, to: &mut Writer) {
        to.open('{');
        for (key, value) in self.iter() {
            to.entry(&key, value);
        }
        to.close('}');
    }
}
