//! A JSON file as a text without what is there for people: white space, and keys that the program does not read.

use proc_macro2::TokenStream;
use quote::quote;
use serde_json::Value;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, LitStr, Result, Token};

/// A path from the crate's folder, then the keys to keep.
pub(crate) struct File {
    path: LitStr,
    keys: Vec<String>,
}

impl Parse for File {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let path = input.parse()?;
        input.parse::<Token![,]>()?;
        let keys = Punctuated::<LitStr, Token![,]>::parse_terminated(input)?;
        Ok(Self { path, keys: keys.iter().map(LitStr::value).collect() })
    }
}

pub(crate) fn text(File { path, keys }: &File) -> Result<TokenStream> {
    let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let whole = std::path::Path::new(&folder).join(path.value());
    let text = std::fs::read_to_string(&whole).map_err(|error| Error::new_spanned(path, error))?;
    let value = serde_json::from_str(&text).map_err(|error| Error::new_spanned(path, error))?;
    let (kept, whole) = (kept(value, keys).to_string(), whole.to_string_lossy());
    // The bytes are named so that the compiler looks at the file again when it changes.
    Ok(quote!({ const _: &[u8] = include_bytes!(#whole); #kept }))
}

fn kept(value: Value, keys: &[String]) -> Value {
    match value {
        Value::Array(list) => list.into_iter().map(|value| kept(value, keys)).collect(),
        Value::Object(map) => {
            let wanted = map.into_iter().filter(|(key, _)| keys.contains(key));
            wanted.map(|(key, value)| (key, kept(value, keys))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}
