//! Reading structs.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, Fields, FieldsNamed, Result};

use crate::attributes::{Container, Fallback, Member};

pub(crate) fn blank_and_fill(container: &Container, fields: &Fields) -> Result<(TokenStream, TokenStream)> {
    match fields {
        Fields::Unnamed(fields) if container.transparent && fields.unnamed.len() == 1 => {
            Ok((quote!(Self(crate::read::Read::blank())), quote!(self.0.fill(value))))
        }
        Fields::Named(named) => {
            let places = named.named.iter().map(|field| &field.ident);
            let blank = quote!(Self { #(#places: crate::read::Read::blank()),* });
            let keys = keys(named)?;
            let strict = container.deny_unknown_fields;
            let whole = container.default.then(|| quote!(*self = ::core::default::Default::default();));
            let taken = taken(container, named, &quote!(&mut self.))?;
            let fill = quote! {
                let mut fields = crate::read::Fields::of(value, &[#(#keys),*], #strict)?;
                #whole
                #taken
                fields.finish()
            };
            Ok((blank, fill))
        }
        Fields::Unnamed(_) | Fields::Unit => {
            Err(Error::new_spanned(fields, "only named fields and transparent newtypes are read"))
        }
    }
}

/// The keys of fields, in order.
pub(crate) fn keys(named: &FieldsNamed) -> Result<Vec<String>> {
    let key = |field: &syn::Field| {
        let member = Member::of(&field.attrs)?;
        Ok(field.ident.as_ref().map(|name| member.key(name)).unwrap_or_default())
    };
    named.named.iter().map(key).collect()
}

/// Reads each field, at its place among the keys, into `at` and its name.
pub(crate) fn taken(container: &Container, named: &FieldsNamed, at: &TokenStream) -> Result<TokenStream> {
    let mut code = TokenStream::new();
    for (place, field) in named.named.iter().enumerate() {
        let name = &field.ident;
        code.extend(match Member::of(&field.attrs)?.default {
            Some(Fallback::By(path)) => {
                quote!(if !fields.given(#place, #at #name) { *(#at #name) = #path(); })
            }
            Some(Fallback::OfItsType) => {
                quote!(if !fields.given(#place, #at #name) { *(#at #name) = ::core::default::Default::default(); })
            }
            None if container.default => quote!(fields.given(#place, #at #name);),
            None => quote!(fields.take(#place, #at #name);),
        });
    }
    Ok(code)
}
