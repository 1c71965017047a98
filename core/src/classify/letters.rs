//! Letters of the languages the cues are in. The standard library knows every script, by 20 KB of tables.

/// In lower case, as far as ASCII and Latin-1 go.
pub(super) fn lower(text: &str) -> String {
    text.chars().map(lower_letter).collect()
}

fn lower_letter(letter: char) -> char {
    match letter {
        '×' => letter,
        'À'..='Þ' => char::from_u32(u32::from(letter) + 0x20).unwrap_or(letter),
        _ => letter.to_ascii_lowercase(),
    }
}

/// Whether it goes on a word: letters and digits of any script, no punctuation, signs or pictures.
pub(super) fn is_of_word(letter: char) -> bool {
    match letter {
        '×'
        | '÷'
        | '\u{2000}'..='\u{2bff}'
        | '\u{3000}'..='\u{3004}'
        | '\u{3008}'..='\u{3020}'
        | '\u{fe10}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff0f}'
        | '\u{1f000}'..='\u{1faff}' => false,
        'ª' | 'µ' | 'º' | 'À'.. => true,
        _ => letter.is_ascii_alphanumeric(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latin_capitals_become_small() {
        assert_eq!(lower("FASSE Ärger ÉCRIS × Þ Œ"), "fasse ärger écris × þ Œ");
    }

    #[test]
    fn words_go_on_with_letters_and_digits_of_any_script() {
        assert!("aZ9éßñЖ漢가".chars().all(is_of_word));
        assert!(!" .,;:!?-_|\u{a0}×–“…。、！🙂".chars().any(is_of_word));
    }
}
