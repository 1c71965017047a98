//! The texts of a request, whatever shape each API gives them, and how many images go with them.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::serve::object_text::is_folded;

/// Messages that are read one by one; the texts of more are read as one.
const MESSAGES_MAX: usize = 10_000;

/// A text, a list of parts, or a part with a text.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Words {
    pub(super) text: String,
    pub(super) images: usize,
}

impl Words {
    fn join(&mut self, other: &Self) {
        if !self.text.is_empty() && !other.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(&other.text);
        self.images += other.images;
    }
}

/// One message: who says it, and what.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Message {
    pub(super) role: String,
    pub(super) words: Words,
}

/// A list of messages.
#[derive(Clone, Debug, Default)]
pub(super) struct Messages(pub(super) Vec<Message>);

/// Texts of their own: one, or a list. Token numbers have no words.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyWords)
    }
}

struct AnyWords;

impl<'de> Visitor<'de> for AnyWords {
    type Value = Words;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text or its parts")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Words, E> {
        Ok(Words { text: text.to_owned(), images: 0 })
    }

    fn visit_unit<E: Error>(self) -> Result<Words, E> {
        Ok(Words::default())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Words, E> {
        Ok(Words::default())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Words, E> {
        Ok(Words::default())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Words, E> {
        Ok(Words::default())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Words, E> {
        Ok(Words::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Words, A::Error> {
        let mut all = Words::default();
        while let Some(part) = parts.next_element::<Words>()? {
            all.join(&part);
        }
        Ok(all)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Words, A::Error> {
        let (mut text, mut content, mut is_image) = (None, None, false);
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match &*key {
                // An image's own parts hold no words, whatever comes first.
                "type" => is_image = map.next_value::<Words>()?.text.contains("image"),
                "text" => text = Some(map.next_value::<Words>()?),
                "content" => content = Some(map.next_value::<Words>()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(if is_image {
            Words { text: String::new(), images: 1 }
        } else {
            text.or(content).unwrap_or_default()
        })
    }
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct One;
        impl<'de> Visitor<'de> for One {
            type Value = Message;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a message")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Message, A::Error> {
                let (mut message, mut images) = (Message::default(), 0);
                while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                    if is_folded(&key, "role") {
                        message.role = map.next_value::<Words>()?.text;
                    } else if is_folded(&key, "content") {
                        message.words = map.next_value()?;
                    } else if is_folded(&key, "images") {
                        images = map.next_value::<Count>()?.0;
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                message.words.images += images;
                Ok(message)
            }
        }
        deserializer.deserialize_map(One)
    }
}

impl<'de> Deserialize<'de> for Messages {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Messages;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of messages")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Messages, A::Error> {
                let mut messages: Vec<Message> = Vec::new();
                while let Some(message) = list.next_element::<Message>()? {
                    let is_full = messages.len() >= MESSAGES_MAX;
                    match messages.last_mut().filter(|_| is_full) {
                        Some(end) => end.words.join(&message.words),
                        None => messages.push(message),
                    }
                }
                Ok(Messages(messages))
            }
        }
        deserializer.deserialize_seq(All)
    }
}

/// How many elements a list has.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count(pub(super) usize);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counting;
        impl<'de> Visitor<'de> for Counting {
            type Value = Count;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list")
            }

            fn visit_unit<E: Error>(self) -> Result<Count, E> {
                Ok(Count(0))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Count, A::Error> {
                let mut count = 0;
                while list.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Count(count))
            }
        }
        deserializer.deserialize_any(Counting)
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Texts;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text or a list of texts")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Texts, E> {
                Ok(Texts(vec![text.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Texts, A::Error> {
                let mut texts: Vec<String> = Vec::new();
                while let Some(part) = list.next_element::<Words>()? {
                    if texts.len() < MESSAGES_MAX {
                        texts.push(part.text);
                    }
                }
                Ok(Texts(texts))
            }
        }
        deserializer.deserialize_any(Each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_whatever_their_shape_and_images_are_counted() -> Result<(), serde_json::Error> {
        let parts = r#"[{"type":"text","text":"What is"},{"type":"image_url","image_url":{"url":"x"}},"this?",5,null]"#;
        let words: Words = serde_json::from_str(parts)?;
        assert_eq!(words, Words { text: "What is\nthis?".to_owned(), images: 1 });
        let list = r#"[{"Role":"user","content":[{"type":"input_text","text":"Hi"}],"images":["a","b"]},{"role":"assistant","content":null}]"#;
        let Messages(messages) = serde_json::from_str(list)?;
        let message = |role: &str, text: &str, images| Message {
            role: role.to_owned(),
            words: Words { text: text.to_owned(), images },
        };
        assert_eq!(messages, [message("user", "Hi", 2), message("assistant", "", 0)]);
        Ok(())
    }

    #[test]
    fn endless_lists_are_read_as_one_message_in_the_end() -> Result<(), serde_json::Error> {
        let list = vec![r#"{"role":"user","content":"a"}"#; MESSAGES_MAX + 3].join(",");
        let Messages(messages) = serde_json::from_str(&format!("[{list}]"))?;
        assert_eq!(messages.len(), MESSAGES_MAX);
        assert_eq!(messages.last().map(|last| last.words.text.as_str()), Some("a\na\na\na"));
        Ok(())
    }
}
