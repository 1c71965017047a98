//! A JSON file as a text without the white space that is there for people.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, LitStr, Result};

pub(crate) fn file(path: &LitStr) -> Result<TokenStream> {
    let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let whole = std::path::Path::new(&folder).join(path.value());
    let text = std::fs::read_to_string(&whole).map_err(|error| Error::new_spanned(path, error))?;
    let (compact, whole) = (compact(&text), whole.to_string_lossy());
    // The bytes are named so that the compiler looks at the file again when it changes.
    Ok(quote!({ const _: &[u8] = include_bytes!(#whole); #compact }))
}

fn compact(text: &str) -> String {
    let (mut inside, mut escaped) = (false, false);
    let keep = |letter: &char| {
        let keeps = inside || !letter.is_ascii_whitespace();
        if *letter == '"' && !escaped {
            inside = !inside;
        }
        escaped = *letter == '\\' && !escaped;
        keeps
    };
    text.chars().filter(keep).collect()
}
