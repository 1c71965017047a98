//! `--model name[:size_gb[:prefill[:decode[:load_s]]]]`.

use super::{ConfigError, ModelConfig};

/// Reads a model from a flag, such as `phi3:mini:2.3:300:20:1.5`. The part after the name is its tag unless it is a number; the rest is
/// size in GB, prompt tokens a second, output tokens a second, and seconds a load takes.
///
/// # Errors
/// [`ConfigError`] for more than four numbers or a negative one.
pub fn model_flag(text: &str) -> Result<ModelConfig, ConfigError> {
    let mut parts = text.split(':');
    let mut name = parts.next().unwrap_or_default().to_owned();
    let mut numbers = Vec::new();
    for (index, part) in parts.enumerate() {
        match part.parse::<f64>() {
            Ok(number) if number.is_finite() && number >= 0.0 => numbers.push(number),
            _ if index == 0 => name = format!("{name}:{part}"),
            _ => return Err(ConfigError::range("--model", format!("`{part}` in `{text}` is not a number"))),
        }
    }
    if numbers.len() > 4 {
        return Err(ConfigError::range("--model", format!("`{text}` has more than four numbers")));
    }
    let number = |index: usize| numbers.get(index).copied();
    Ok(ModelConfig {
        size_gb: number(0).unwrap_or(1.0),
        prefill_tok_per_s: number(1).unwrap_or(0.0),
        decode_tok_per_s: number(2).unwrap_or(0.0),
        load_s: number(3),
        ..ModelConfig::named(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_the_name() {
        let read = |text| {
            model_flag(text).map(|m| (m.name, m.size_gb, m.prefill_tok_per_s, m.decode_tok_per_s, m.load_s))
        };
        assert_eq!(read("phi3").ok(), Some(("phi3".into(), 1.0, 0.0, 0.0, None)));
        assert_eq!(
            read("phi3:mini:2.3:300:20:1.5").ok(),
            Some(("phi3:mini".into(), 2.3, 300.0, 20.0, Some(1.5)))
        );
        assert_eq!(read("phi3:2").ok(), Some(("phi3".into(), 2.0, 0.0, 0.0, None)));
        assert!(read("phi3:mini:two").is_err());
        assert!(read("phi3:1:2:3:4:5").is_err());
    }
}
