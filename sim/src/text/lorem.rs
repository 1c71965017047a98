//! Text without meaning, the same for the same seed.

use crate::random::Random;

const WORDS: &[&str] = &[
    "lorem", "ipsum", "dolor", "sit", "amet", "elit", "sed", "do", "eiusmod", "tempor", "ut", "labore", "et",
    "magna", "aliqua", "enim", "ad", "minim", "veniam", "quis", "nostrud", "ullamco", "nisi", "ex", "ea",
    "commodo", "duis", "aute", "irure", "in", "velit", "esse", "cillum", "eu", "fugiat", "nulla", "sint",
    "non", "proident", "sunt", "culpa", "qui", "officia", "mollit", "anim", "id", "est",
];

/// A text of this many words in sentences. Each word, with the space before it, is one token.
pub(crate) fn lorem(random: &mut Random, count: u64) -> Vec<String> {
    let mut words = Vec::with_capacity(count as usize);
    let mut in_sentence = 0;
    for index in 0..count {
        let word = random.pick(WORDS).copied().unwrap_or("lorem");
        let mut token = if index == 0 { String::new() } else { " ".to_owned() };
        if in_sentence == 0 {
            token.extend(word.chars().take(1).flat_map(char::to_uppercase));
            token.extend(word.chars().skip(1));
        } else {
            token.push_str(word);
        }
        in_sentence += 1;
        let ends = in_sentence >= 6 + random.below(7) || index + 1 == count;
        if ends {
            token.push('.');
            in_sentence = 0;
        }
        words.push(token);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_says_the_same() {
        let say = |seed| lorem(&mut Random::new(seed), 20);
        assert_eq!(say(1), say(1));
        assert_ne!(say(1), say(2));
        assert_eq!(say(1).len(), 20);
        assert!(say(1).concat().ends_with('.'));
    }
}
