//! Reading enums: words, objects with a tag, and objects of one key.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DataEnum, Error, Fields, Result, Variant};

use crate::attributes::{Container, Member};
use crate::structs;

pub(crate) fn body(container: &Container, data: &DataEnum) -> Result<TokenStream> {
    if let Some(tag) = &container.tag {
        return tagged(container, data, tag);
    }
    let words = words(container, data)?;
    let is_word = |variant: &Variant| matches!(variant.fields, Fields::Unit);
    if data.variants.iter().all(is_word) {
        let arms = arms(data, |variant| {
            let name = &variant.ident;
            Ok(quote!(::core::result::Result::Ok(Self::#name)))
        })?;
        return Ok(quote!(match crate::read::word(&value, &[#(#words),*])? { #arms }));
    }
    let arms = arms(data, |variant| {
        let name = &variant.ident;
        match &variant.fields {
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
                Ok(quote!(content.read().map(Self::#name)))
            }
            Fields::Unnamed(_) | Fields::Named(_) | Fields::Unit => {
                Err(Error::new_spanned(variant, "without a tag, all variants are words or all are newtypes"))
            }
        }
    })?;
    Ok(quote! {
        let (place, content) = crate::read::variant(value, &[#(#words),*])?;
        match place { #arms }
    })
}

/// A tag beside the variant's fields.
fn tagged(container: &Container, data: &DataEnum, tag: &str) -> Result<TokenStream> {
    let words = words(container, data)?;
    let keys = data.variants.iter().map(|variant| match &variant.fields {
        Fields::Named(named) => structs::keys(named),
        Fields::Unit => Ok(Vec::new()),
        Fields::Unnamed(_) => Err(Error::new_spanned(variant, "with a tag, only named fields are read")),
    });
    let table = words.iter().zip(keys).map(|(word, keys)| {
        let keys = keys?;
        Ok(quote!((#word, &[#(#keys),*])))
    });
    let table: Vec<TokenStream> = table.collect::<Result<_>>()?;
    let strict = container.deny_unknown_fields;
    let arms = arms(data, |variant| {
        let name = &variant.ident;
        let taken = match &variant.fields {
            Fields::Named(named) => structs::taken(container, named)?,
            Fields::Unit | Fields::Unnamed(_) => TokenStream::new(),
        };
        Ok(quote!(::core::result::Result::Ok(Self::#name { #taken })))
    })?;
    Ok(quote! {
        let (place, mut fields) = crate::read::tagged(value, #tag, &[#(#table),*], #strict)?;
        match place { #arms }
    })
}

fn words(container: &Container, data: &DataEnum) -> Result<Vec<String>> {
    let word = |variant: &Variant| Ok(container.word(&variant.ident, &Member::of(&variant.attrs)?));
    data.variants.iter().map(word).collect()
}

/// One arm for each variant's place; the last takes what the reader cannot return.
fn arms(data: &DataEnum, arm: impl Fn(&Variant) -> Result<TokenStream>) -> Result<TokenStream> {
    let last = data.variants.len().saturating_sub(1);
    let mut code = TokenStream::new();
    for (place, variant) in data.variants.iter().enumerate() {
        let value = arm(variant)?;
        code.extend(if place == last { quote!(_ => #value,) } else { quote!(#place => #value,) });
    }
    Ok(code)
}
