//! The object of a JSON value.

use super::Json;

/// Keys with their values, in order. A key written twice counts as it was written last.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Object(Vec<(String, Json)>);

impl Object {
    /// Without keys.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// What is under a key.
    pub fn get(&self, key: &str) -> Option<&Json> {
        self.0.iter().rev().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// Whether there is such a key.
    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Takes a key out.
    pub fn remove(&mut self, key: &str) -> Option<Json> {
        let mut taken = None;
        while let Some(place) = self.0.iter().position(|(known, _)| known == key) {
            taken = Some(self.0.remove(place).1);
        }
        taken
    }

    /// Takes the value of a key and leaves `null` there: no other key moves.
    pub(crate) fn take(&mut self, key: &str) -> Option<Json> {
        let found = self.0.iter_mut().rev().find(|(known, _)| known == key);
        found.map(|(_, value)| std::mem::take(value))
    }

    /// Puts a value under a key, in place of what was there.
    pub fn insert(&mut self, key: &str, value: impl Into<Json>) {
        self.set(key, value.into());
    }

    fn set(&mut self, key: &str, value: Json) {
        match self.0.iter_mut().rev().find(|(known, _)| known == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((key.to_owned(), value)),
        }
    }

    /// One more key, whether or not it is there.
    pub(super) fn push(&mut self, key: String, value: Json) {
        self.0.push((key, value));
    }

    /// Keys with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The keys.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_str())
    }

    /// The values.
    pub fn values(&self) -> impl Iterator<Item = &Json> {
        self.0.iter().map(|(_, value)| value)
    }

    /// How many keys.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<V: Into<Json>> FromIterator<(String, V)> for Object {
    fn from_iter<I: IntoIterator<Item = (String, V)>>(entries: I) -> Self {
        Self(entries.into_iter().map(|(key, value)| (key, value.into())).collect())
    }
}

impl IntoIterator for Object {
    type Item = (String, Json);
    type IntoIter = std::vec::IntoIter<(String, Json)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
