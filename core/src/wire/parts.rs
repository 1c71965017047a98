//! Many texts to embed are asked in parts, so that a fault costs one part and no call is large.

use super::ask::{Ask, content};
use crate::classify::text_tokens;

/// The most texts in one part.
const PART_TEXTS: u32 = 32;
/// The most tokens in one part, unless a single text has more.
const PART_TOKENS: u32 = 16_000;

impl Ask {
    /// How many of its messages each part holds, in order: several where there are many texts to embed.
    ///
    /// The first part is asked alone, any model it may have; the others then of the model that answered it, since vectors of
    /// two models do not compare.
    pub fn parts(&self) -> Vec<u32> {
        let messages = self.messages.as_ref().filter(|_| self.embeds());
        let (mut parts, mut texts, mut tokens) = (Vec::new(), 0, 0_u32);
        for message in messages.into_iter().flatten() {
            let more = content(message).map_or(0, text_tokens);
            tokens = tokens.saturating_add(more);
            if texts == PART_TEXTS || (texts > 0 && tokens > PART_TOKENS) {
                parts.push(texts);
                (texts, tokens) = (0, more);
            }
            texts += 1;
        }
        parts.push(texts);
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_go_a_few_at_a_time_and_the_longest_alone() {
        let message = |words: usize| format!(r#"{{"role":"user","content":"{}"}}"#, "word ".repeat(words));
        let parts = |words: &[usize]| {
            let messages: Vec<String> = words.iter().map(|words| message(*words)).collect();
            Ask::from_json(&format!(r#"{{"task":"embed","messages":[{}]}}"#, messages.join(",")))
                .map(|ask| ask.parts())
        };
        assert_eq!(parts(&[6_000, 6_000, 6_000, 1]), Ok(vec![2, 2]));
        assert_eq!(parts(&[40_000, 1, 40_000]), Ok(vec![1, 1, 1]));
    }
}
