//! Writing structs and enums.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DataEnum, Error, Fields, FieldsNamed, Result, Variant};

use crate::attributes::{Container, Member};

pub(crate) fn of_struct(container: &Container, fields: &Fields) -> Result<TokenStream> {
    match fields {
        Fields::Unnamed(fields) if container.transparent && fields.unnamed.len() == 1 => {
            Ok(quote!(crate::write::Write::write(&self.0, to);))
        }
        Fields::Named(named) => {
            let fields = given(named, &quote!(&self.))?;
            Ok(quote!(to.open('{'); #fields to.close('}');))
        }
        Fields::Unnamed(_) | Fields::Unit => {
            Err(Error::new_spanned(fields, "only named fields and transparent newtypes are written"))
        }
    }
}

pub(crate) fn of_enum(container: &Container, data: &DataEnum) -> Result<TokenStream> {
    let word = |variant: &Variant| -> Result<String> {
        Ok(container.word(&variant.ident, &Member::of(&variant.attrs)?))
    };
    let mut arms = TokenStream::new();
    if data.variants.iter().all(|variant| matches!(variant.fields, Fields::Unit)) && container.tag.is_none() {
        for variant in &data.variants {
            let (name, word) = (&variant.ident, word(variant)?);
            arms.extend(quote!(Self::#name => #word,));
        }
        return Ok(quote!(to.quoted(match self { #arms });));
    }
    for variant in &data.variants {
        let (name, word) = (&variant.ident, word(variant)?);
        arms.extend(match (&container.tag, &variant.fields) {
            (Some(tag), Fields::Named(named)) => {
                let places = named.named.iter().map(|field| &field.ident);
                let fields = given(named, &quote!())?;
                quote!(Self::#name { #(#places),* } => { to.tagged(#tag, #word); #fields to.close('}'); })
            }
            (Some(tag), Fields::Unit) => quote!(Self::#name => { to.tagged(#tag, #word); to.close('}'); }),
            (None, Fields::Unnamed(fields)) if fields.unnamed.len() == 1 => {
                quote!(Self::#name(content) => to.only(#word, content),)
            }
            (_, fields) => {
                let message = "with a tag, only named fields are written; without one, words or newtypes";
                return Err(Error::new_spanned(fields, message));
            }
        });
    }
    Ok(quote!(match self { #arms }))
}

/// Writes each field, found by `at` and its name.
fn given(named: &FieldsNamed, at: &TokenStream) -> Result<TokenStream> {
    let mut code = TokenStream::new();
    for field in &named.named {
        let member = Member::of(&field.attrs)?;
        let name = &field.ident;
        let key = name.as_ref().map(|name| member.key(name)).unwrap_or_default();
        code.extend(if member.may_be_left_out {
            quote!(to.given(#key, #at #name);)
        } else {
            quote!(to.field(#key, #at #name);)
        });
    }
    Ok(code)
}
