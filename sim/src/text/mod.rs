//! Words a simulated model says, and how many tokens words are.

mod lorem;
mod schema;

pub(crate) use lorem::lorem;
pub(crate) use schema::{is_schema, object_of, value_of};

/// Tokens of a text: one per four bytes, at least one for any text.
pub(crate) fn count_tokens(text: &str) -> u64 {
    text.len().div_ceil(4) as u64
}

/// Cuts a text into tokens: words with the space before them, long ones in pieces of eight characters. Joined, they are the text.
pub(crate) fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut token = String::new();
    let mut letters = 0;
    for character in text.chars() {
        let starts_word = character == ' ' || character == '\n';
        if (starts_word && letters > 0) || letters >= 8 {
            tokens.push(std::mem::take(&mut token));
            letters = 0;
        }
        token.push(character);
        letters += usize::from(!starts_word);
    }
    if !token.is_empty() {
        tokens.push(token);
    }
    tokens
}

/// Cuts tokens before the first stop sequence. True if there was one.
pub(crate) fn stop_at(tokens: &mut Vec<String>, stops: &[String]) -> bool {
    let text = tokens.concat();
    let Some(end) =
        stops.iter().filter(|stop| !stop.is_empty()).filter_map(|stop| text.find(stop.as_str())).min()
    else {
        return false;
    };
    let mut left = end;
    tokens.retain_mut(|token| {
        let keep = left.min(token.len());
        token.truncate(keep);
        left -= keep;
        keep > 0
    });
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_join_to_their_text() {
        for text in ["", "one", "one two\n\nthree", "  äöü — incomprehensibilities!", "a b  c "] {
            assert_eq!(tokens(text).concat(), text);
        }
        assert_eq!(tokens("one two"), ["one", " two"]);
    }

    #[test]
    fn a_stop_sequence_ends_the_text_even_inside_a_token() {
        let mut text = tokens("one two three");
        assert!(stop_at(&mut text, &["wo".into(), "\n".into()]));
        assert_eq!(text.concat(), "one t");
        assert!(!stop_at(&mut text, &["x".into()]));
    }
}
