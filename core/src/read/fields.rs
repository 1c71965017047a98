//! Objects and words, read by tables of names.

use crate::json::{Json, Object};

use super::{Read, Refusal};

/// The fields of one object, in the order of the type's table. Keeps the first refusal.
pub(crate) struct Fields {
    values: Object,
    keys: std::slice::Iter<'static, &'static str>,
    refusal: Option<Refusal>,
}

impl Fields {
    /// An object's values. `strict` refuses keys that are not in the table.
    pub(crate) fn of(value: Json, keys: &'static [&'static str], strict: bool) -> Result<Self, Refusal> {
        Self::known(Object::read(value)?, keys, strict)
    }

    fn known(values: Object, keys: &'static [&'static str], strict: bool) -> Result<Self, Refusal> {
        let is_unknown = |key: &&str| strict && !keys.contains(key);
        if let Some(key) = values.keys().find(is_unknown) {
            return Err(Refusal::unknown("field", key, keys).at(key));
        }
        Ok(Self { values, keys: keys.iter(), refusal: None })
    }

    /// Reads the next field, which must be there.
    #[inline(never)]
    pub(crate) fn take(&mut self, into: &mut dyn Read) {
        self.next(into, true);
    }

    /// Reads the next field, if it is there.
    #[inline(never)]
    pub(crate) fn given(&mut self, into: &mut dyn Read) {
        self.next(into, false);
    }

    fn next(&mut self, into: &mut dyn Read, must_be_there: bool) {
        let Some(key) = self.keys.next() else { return };
        let read = match self.values.take(key) {
            Some(value) => into.fill(value),
            None if must_be_there => Err(Refusal::missing(key)),
            None => Ok(()),
        };
        if let Err(refusal) = read {
            self.refusal.get_or_insert_with(|| refusal.at(key));
        }
    }

    /// The first refusal, if there was one.
    pub(crate) fn finish(self) -> Result<(), Refusal> {
        self.refusal.map_or(Ok(()), Err)
    }
}

/// The place of a text among these words.
pub(crate) fn word(value: &Json, words: &'static [&'static str]) -> Result<usize, Refusal> {
    let Json::Text(text) = value else {
        return Err(Refusal::unexpected(value, "a word"));
    };
    place(text, words)
}

fn place(text: &str, words: &'static [&'static str]) -> Result<usize, Refusal> {
    let place = words.iter().position(|known| *known == text);
    place.ok_or_else(|| Refusal::unknown("variant", text, words))
}

/// What goes with a variant of an enum without a tag.
pub(crate) struct Content {
    word: &'static str,
    value: Json,
}

impl Content {
    #[inline(never)]
    pub(crate) fn fill(self, into: &mut dyn Read) -> Result<(), Refusal> {
        into.fill(self.value).map_err(|refusal| refusal.at(self.word))
    }
}

/// An object whose one key is a word: the word's place and what goes with it.
pub(crate) fn variant(value: Json, words: &'static [&'static str]) -> Result<(usize, Content), Refusal> {
    let mut entries = Object::read(value)?.into_iter();
    let (Some((key, value)), None) = (entries.next(), entries.next()) else {
        return Err(Refusal::new("expected an object with one key".to_owned()));
    };
    let place = place(&key, words)?;
    Ok((place, Content { word: words.get(place).copied().unwrap_or_default(), value }))
}

/// An object whose tag says which fields it has: the tag's place and the other fields.
pub(crate) fn tagged(
    value: Json,
    tag: &'static str,
    table: &'static [(&'static str, &'static [&'static str])],
    strict: bool,
) -> Result<(usize, Fields), Refusal> {
    let mut map = Object::read(value)?;
    let Some(word) = map.remove(tag) else {
        return Err(Refusal::missing(tag).at(tag));
    };
    let Json::Text(text) = &word else {
        return Err(Refusal::unexpected(&word, "a word").at(tag));
    };
    let found = table.iter().enumerate().find(|(_, (known, _))| known == text);
    let Some((place, (_, keys))) = found else {
        let words: Vec<&str> = table.iter().map(|(word, _)| *word).collect();
        return Err(Refusal::unknown("variant", text, &words).at(tag));
    };
    Ok((place, Fields::known(map, keys, strict)?))
}
