//! Base64, for a name and a password in a header, in less WASM than a crate takes.

const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Three bytes as four signs, with `=` for those that are missing at the end.
pub(super) fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let byte = |place| u32::from(group.get(place).copied().unwrap_or_default());
        let bits = (0..3).fold(0, |bits, place| (bits << 8) | byte(place));
        for place in 0..4 {
            let sign = SIGNS.get((bits >> (18 - 6 * place)) as usize % SIGNS.len());
            let sign = sign.filter(|_| place <= group.len()).copied().unwrap_or(b'=');
            text.push(char::from(sign));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::base64::prelude::{BASE64_STANDARD, Engine as _};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_what_others_write(bytes: Vec<u8>) {
            prop_assert_eq!(base64(&bytes), BASE64_STANDARD.encode(&bytes));
        }
    }
}
