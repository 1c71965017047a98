//! What a text says of how long its answer shall be: "in three sentences", "höchstens 50 Wörter".

use super::letters::{is_of_word, lower};
use crate::text::{first, last};

/// Characters at the start and at the end of a text where its instructions stand.
const HEAD: usize = 500;
const TAIL: usize = 300;
/// Words that may stand between a number and what is counted: "three very short sentences".
const BETWEEN: usize = 2;
/// More than this is no instruction.
const MOST_TOKENS: f64 = 20_000.0;

/// Stems of what is counted, and the tokens that one of it takes.
const UNITS: [(&str, f64); 4] = [
    ("word|wort|wört|mot|palabra|parol|palavra|woord", 1.4),
    ("sentence|satz|sätze|phrase|frase|oracion|zinnen", 25.0),
    ("bullet|stichpunkt|point|punkt|item", 20.0),
    ("paragra|absatz|absätze|párrafo|alinea", 110.0),
];

/// Words for one to five.
const NUMBERS: [&str; 5] = [
    "one|single|ein|eine|einem|einen|un|une|una|uno|um|één|een",
    "two|zwei|deux|dos|due|dois|twee",
    "three|drei|trois|tres|tre|três|drie",
    "four|vier|quatre|cuatro|quattro|quatro",
    "five|fünf|cinq|cinco|cinque|vijf",
];

/// Tokens of answer that the text asks for, where it says so: first at its start, else last at its end.
pub(crate) fn stated_tokens(text: &str) -> Option<u32> {
    let (head, rest) = first(text, HEAD);
    let (_, tail) = last(rest, TAIL);
    let tokens = stated(head).first().copied().or_else(|| stated(tail).last().copied())?;
    (tokens <= MOST_TOKENS).then_some(tokens.max(1.0) as u32)
}

/// Every length that a text states.
fn stated(text: &str) -> Vec<f64> {
    let mut all = Vec::new();
    for phrase in lower(text).split(is_between_phrases) {
        let mut number: Option<(f64, usize)> = None;
        for word in phrase.split(|letter| !is_of_word(letter)).filter(|word| !word.is_empty()) {
            if let Some(value) = number_of(word) {
                number = Some((value, 0));
            } else if let Some((value, between)) = number {
                let unit =
                    UNITS.iter().find(|(stems, _)| stems.split('|').any(|stem| word.starts_with(stem)));
                if let Some((_, tokens)) = unit {
                    all.push(value * tokens);
                }
                number = (unit.is_none() && between < BETWEEN).then_some((value, between + 1));
            }
        }
    }
    all
}

fn is_between_phrases(sign: char) -> bool {
    matches!(sign, '.' | ',' | ';' | ':' | '?' | '!' | '\n' | '(' | ')')
}

fn number_of(word: &str) -> Option<f64> {
    let spelled = NUMBERS.iter().position(|words| words.split('|').any(|known| known == word));
    spelled.map(|position| position as f64 + 1.0).or_else(|| {
        let digits = word.len() <= 5 && word.bytes().all(|byte| byte.is_ascii_digit());
        word.parse::<u32>().ok().filter(|value| digits && *value > 0).map(f64::from)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_found_where_instructions_stand() {
        let cases = [
            ("Summarize this in three short sentences: the fox", Some(75)),
            ("Fasse den Text in höchstens 50 Wörtern zusammen", Some(70)),
            ("Réponds en une phrase.", Some(25)),
            ("Write a 100-word reply", Some(140)),
            ("List 5 bullet points, one sentence each", Some(100)),
            ("Answer with one word.", Some(1)),
            ("In 2-3 sentences, why?", Some(75)),
            ("List all names, one per line", None),
            ("What is 17 + 4? Chapter 3 of the book has 12 pages.", None),
            ("Tell me about 1984, in other words the novel", None),
            ("Write 900000 words", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(stated_tokens(text), expected, "{text}");
        }
        let article = "The stone has two lines of text. ".repeat(60);
        assert_eq!(stated_tokens(&format!("Shorten: {}", article.replace("two", "no"))), None);
        let at_its_end = format!("{}\nSummarize the above in two sentences.", article.replace("two", "no"));
        assert_eq!(stated_tokens(&at_its_end), Some(50));
    }
}
