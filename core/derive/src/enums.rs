//! Reading enums: words, objects with a tag, and objects of one key.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DataEnum, Error, Fields, Result, Variant};

use crate::attributes::{Container, Member};
use crate::structs;

pub(crate) fn blank_and_fill(container: &Container, data: &DataEnum) -> Result<(TokenStream, TokenStream)> {
    let Some(first) = data.variants.first() else {
        return Err(Error::new_spanned(data.enum_token, "an enum without variants is not read"));
    };
    let name = &first.ident;
    let blank = match &first.fields {
        Fields::Named(named) => {
            let (places, values) = (structs::places(named), structs::blanks(named)?);
            quote!(Self::#name { #(#places: #values),* })
        }
        Fields::Unnamed(_) => quote!(Self::#name(crate::read::Read::blank())),
        Fields::Unit => quote!(Self::#name),
    };
    let read = match &container.tag {
        Some(tag) => tagged(container, data, tag)?,
        None => untagged(container, data)?,
    };
    Ok((blank, quote!(#read ::core::result::Result::Ok(()))))
}

/// Words, or objects of one key.
fn untagged(container: &Container, data: &DataEnum) -> Result<TokenStream> {
    let words = words(container, data)?;
    let is_word = |variant: &Variant| matches!(variant.fields, Fields::Unit);
    if data.variants.iter().all(is_word) {
        let arms = arms(data, |variant| {
            let name = &variant.ident;
            Ok(quote!(Self::#name))
        })?;
        return Ok(quote!(*self = match crate::read::word(&value, &[#(#words),*])? { #arms };));
    }
    let blanks = arms(data, |variant| {
        let name = &variant.ident;
        match &variant.fields {
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
                Ok(quote!(Self::#name(crate::read::Read::blank())))
            }
            Fields::Unnamed(_) | Fields::Named(_) | Fields::Unit => {
                Err(Error::new_spanned(variant, "without a tag, all variants are words or all are newtypes"))
            }
        }
    })?;
    let names = data.variants.iter().map(|variant| &variant.ident);
    Ok(quote! {
        let (place, content) = crate::read::variant(value, &[#(#words),*])?;
        *self = match place { #blanks };
        match self { #(Self::#names(inner) => content.fill(inner)?,)* }
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
    let blanks = arms(data, |variant| {
        let name = &variant.ident;
        let Fields::Named(named) = &variant.fields else { return Ok(quote!(Self::#name)) };
        let (places, values) = (structs::places(named), structs::blanks(named)?);
        Ok(quote!(Self::#name { #(#places: #values),* }))
    })?;
    let mut fills = TokenStream::new();
    for variant in &data.variants {
        let name = &variant.ident;
        fills.extend(match &variant.fields {
            Fields::Named(named) => {
                let (places, taken) = (structs::places(named), structs::taken(container, named, &quote!())?);
                quote!(Self::#name { #(#places),* } => { #taken })
            }
            Fields::Unnamed(_) | Fields::Unit => quote!(Self::#name => {}),
        });
    }
    Ok(quote! {
        let (place, mut fields) = crate::read::tagged(value, #tag, &[#(#table),*], #strict)?;
        *self = match place { #blanks };
        match self { #fills }
        fields.finish()?;
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
