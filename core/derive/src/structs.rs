//! Reading structs.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, Fields, FieldsNamed, Ident, Result, Type};

use crate::attributes::{Container, Fallback, Member};

pub(crate) fn blank_and_fill(container: &Container, fields: &Fields) -> Result<(TokenStream, TokenStream)> {
    match fields {
        Fields::Unnamed(fields) if container.transparent && fields.unnamed.len() == 1 => {
            Ok((quote!(Self(crate::read::Read::blank())), quote!(self.0.fill(value))))
        }
        Fields::Named(named) => {
            let blank = if container.default {
                quote!(<Self as ::core::default::Default>::default())
            } else {
                let (places, values) = (places(named), blanks(named)?);
                quote!(Self { #(#places: #values),* })
            };
            let keys = keys(named)?;
            let strict = container.deny_unknown_fields;
            let taken = taken(container, named, &quote!(&mut self.))?;
            let fill = quote! {
                let mut fields = crate::read::Fields::of(value, &[#(#keys),*], #strict)?;
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

/// The names of fields, in order.
pub(crate) fn places(named: &FieldsNamed) -> Vec<&Option<Ident>> {
    named.named.iter().map(|field| &field.ident).collect()
}

/// What fields are before they are read, in order.
pub(crate) fn blanks(named: &FieldsNamed) -> Result<Vec<TokenStream>> {
    let blank = |field: &syn::Field| {
        Ok(match Member::of(&field.attrs)?.default {
            Some(Fallback::By(path)) => quote!(#path()),
            Some(Fallback::OfItsType) => quote!(::core::default::Default::default()),
            None => quote!(crate::read::Read::blank()),
        })
    };
    named.named.iter().map(blank).collect()
}

/// Reads each field, in order, into `at` and its name.
pub(crate) fn taken(container: &Container, named: &FieldsNamed, at: &TokenStream) -> Result<TokenStream> {
    let mut code = TokenStream::new();
    for field in &named.named {
        let name = &field.ident;
        let may_be_left_out =
            container.default || Member::of(&field.attrs)?.default.is_some() || is_option(&field.ty);
        code.extend(if may_be_left_out {
            quote!(fields.given(#at #name);)
        } else {
            quote!(fields.take(#at #name);)
        });
    }
    Ok(code)
}

/// Whether a field of this type may be left out wherever it stands. Told by its name, as serde does.
fn is_option(written: &Type) -> bool {
    let Type::Path(named) = written else { return false };
    named.path.segments.last().is_some_and(|last| last.ident == "Option")
}
