//! Core's own `derive(Deserialize)` and `derive(Write)`. They understand the `#[serde(…)]` attributes that core uses and
//! refuse any other, and make of each type a table of names and one call for each field: serde's own derive makes a visitor
//! with a state machine for each, which was half of the WASM. `core/src/read` and `core/src/write` hold what the calls do.

mod attributes;
mod compact;
mod enums;
mod structs;
mod writing;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Result, parse_macro_input};

use attributes::Container;

/// Implements core's `Read`, and serde's `Deserialize` by way of it.
#[proc_macro_derive(Deserialize, attributes(serde))]
pub fn deserialize(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    reading(&input).unwrap_or_else(Error::into_compile_error).into()
}

/// Implements core's `Write`, and `Word` for an enum that is nothing but words.
#[proc_macro_derive(Write, attributes(serde))]
pub fn write(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    writing(&input).unwrap_or_else(Error::into_compile_error).into()
}

/// The text of a JSON file, its path from the crate's folder, without white space and with no other keys than those named.
#[proc_macro]
pub fn compact_json(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let file = parse_macro_input!(input as compact::File);
    compact::text(&file).unwrap_or_else(Error::into_compile_error).into()
}

fn writing(input: &DeriveInput) -> Result<TokenStream> {
    if !input.generics.params.is_empty() {
        return Err(Error::new_spanned(&input.generics, "generic types are not written"));
    }
    let container = Container::of(&input.attrs)?;
    let body = match &input.data {
        Data::Struct(data) => writing::of_struct(&container, &data.fields)?,
        Data::Enum(data) => writing::of_enum(&container, data)?,
        Data::Union(_) => return Err(Error::new_spanned(input, "unions are not written")),
    };
    let name = &input.ident;
    let words = match &input.data {
        Data::Enum(data) if writing::is_of_words(&container, data) => {
            let words = writing::words(&container, data)?;
            quote!(impl crate::write::Word for #name { #words })
        }
        Data::Enum(_) | Data::Struct(_) | Data::Union(_) => TokenStream::new(),
    };
    Ok(quote! {
        #words

        impl crate::write::Write for #name {
            fn write(&self, to: &mut crate::write::Writer) {
                #body
            }
        }
    })
}

fn reading(input: &DeriveInput) -> Result<TokenStream> {
    if !input.generics.params.is_empty() {
        return Err(Error::new_spanned(&input.generics, "generic types are not read"));
    }
    let container = Container::of(&input.attrs)?;
    let (blank, fill) = match &input.data {
        Data::Struct(data) => structs::blank_and_fill(&container, &data.fields)?,
        Data::Enum(data) => enums::blank_and_fill(&container, data)?,
        Data::Union(_) => return Err(Error::new_spanned(input, "unions are not read")),
    };
    let name = &input.ident;
    Ok(quote! {
        impl crate::read::Read for #name {
            fn blank() -> Self {
                #blank
            }

            fn fill(&mut self, value: crate::json::Json) -> ::core::result::Result<(), crate::read::Refusal> {
                #fill
            }
        }

        impl<'de> ::serde::Deserialize<'de> for #name {
            fn deserialize<D: ::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                crate::read::deserialize(deserializer)
            }
        }
    })
}
