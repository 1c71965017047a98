//! Reading structs.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, Fields, FieldsNamed, Result};

use crate::attributes::{Container, Fallback, Member};

pub(crate) fn body(container: &Container, fields: &Fields) -> Result<TokenStream> {
    match fields {
        Fields::Unnamed(fields) if container.transparent && fields.unnamed.len() == 1 => {
            Ok(quote!(::core::result::Result::Ok(Self(crate::read::Read::read(value)?))))
        }
        Fields::Named(named) => {
            let keys = keys(named)?;
            let strict = container.deny_unknown_fields;
            let taken = taken(container, named)?;
            let whole = quote!(let default = <Self as ::core::default::Default>::default(););
            let default = container.default.then_some(whole);
            Ok(quote! {
                #default
                let mut fields = crate::read::Fields::of(value, &[#(#keys),*], #strict)?;
                ::core::result::Result::Ok(Self { #taken })
            })
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

/// The initializers of fields, each taken out of `fields` by its place among the keys.
pub(crate) fn taken(container: &Container, named: &FieldsNamed) -> Result<TokenStream> {
    let mut code = TokenStream::new();
    for (place, field) in named.named.iter().enumerate() {
        let name = &field.ident;
        code.extend(match Member::of(&field.attrs)?.default {
            Some(Fallback::By(path)) => quote!(#name: fields.given(#place)?.unwrap_or_else(#path),),
            Some(Fallback::OfItsType) => quote!(#name: fields.given(#place)?.unwrap_or_default(),),
            None if container.default => quote!(#name: fields.given(#place)?.unwrap_or(default.#name),),
            None => quote!(#name: fields.take(#place)?,),
        });
    }
    Ok(code)
}
