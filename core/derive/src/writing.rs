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
    if is_of_words(container, data) {
        return Ok(quote!(to.quoted(crate::write::Word::word(self));));
    }
    let mut arms = TokenStream::new();
    for variant in &data.variants {
        let (name, word) = (&variant.ident, word(container, variant)?);
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

/// Nothing but words.
pub(crate) fn is_of_words(container: &Container, data: &DataEnum) -> bool {
    data.variants.iter().all(|variant| matches!(variant.fields, Fields::Unit)) && container.tag.is_none()
}

/// The table of the words and the place of each variant's.
pub(crate) fn words(container: &Container, data: &DataEnum) -> Result<TokenStream> {
    let names = data.variants.iter().map(|variant| &variant.ident);
    let words: Vec<String> =
        data.variants.iter().map(|variant| word(container, variant)).collect::<Result<_>>()?;
    let places = 0..words.len();
    Ok(quote! {
        const WORDS: &'static [&'static str] = &[#(#words),*];

        fn place(&self) -> usize {
            match self { #(Self::#names => #places),* }
        }
    })
}

fn word(container: &Container, variant: &Variant) -> Result<String> {
    Ok(container.word(&variant.ident, &Member::of(&variant.attrs)?))
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
