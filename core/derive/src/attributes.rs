//! The `#[serde(…)]` attributes that core uses.

use syn::meta::ParseNestedMeta;
use syn::{Attribute, ExprPath, Ident, LitStr, Result};

/// What is said of a whole type.
#[derive(Default)]
pub(crate) struct Container {
    pub(crate) deny_unknown_fields: bool,
    pub(crate) default: bool,
    pub(crate) transparent: bool,
    pub(crate) tag: Option<String>,
    rename_all: Option<String>,
}

/// What is said of one field or variant.
#[derive(Default)]
pub(crate) struct Member {
    pub(crate) default: Option<Fallback>,
    /// It is left out where it is absent, by whichever name the type asks.
    pub(crate) may_be_left_out: bool,
    rename: Option<String>,
}

/// What an absent field is.
pub(crate) enum Fallback {
    OfItsType,
    By(ExprPath),
}

impl Container {
    pub(crate) fn of(attributes: &[Attribute]) -> Result<Self> {
        let mut container = Self::default();
        each(attributes, |meta| {
            if meta.path.is_ident("deny_unknown_fields") {
                container.deny_unknown_fields = true;
            } else if meta.path.is_ident("default") && !meta.input.peek(syn::Token![=]) {
                container.default = true;
            } else if meta.path.is_ident("transparent") {
                container.transparent = true;
            } else if meta.path.is_ident("tag") {
                container.tag = Some(text(&meta)?);
            } else if meta.path.is_ident("rename_all") {
                let style = text(&meta)?;
                if style != "snake_case" && style != "lowercase" {
                    return Err(meta.error("snake_case and lowercase are understood"));
                }
                container.rename_all = Some(style);
            } else {
                return Err(meta.error("not understood"));
            }
            Ok(())
        })?;
        Ok(container)
    }

    /// A variant's word in JSON.
    pub(crate) fn word(&self, variant: &Ident, member: &Member) -> String {
        let name = variant.to_string();
        if let Some(renamed) = &member.rename {
            return renamed.clone();
        }
        match self.rename_all.as_deref() {
            Some("snake_case") => snake_case(&name),
            Some(_) => name.to_lowercase(),
            None => name,
        }
    }
}

impl Member {
    pub(crate) fn of(attributes: &[Attribute]) -> Result<Self> {
        let mut member = Self::default();
        each(attributes, |meta| {
            if meta.path.is_ident("rename") {
                member.rename = Some(text(&meta)?);
            } else if meta.path.is_ident("default") {
                member.default = Some(if meta.input.peek(syn::Token![=]) {
                    Fallback::By(meta.value()?.parse::<LitStr>()?.parse()?)
                } else {
                    Fallback::OfItsType
                });
            } else if meta.path.is_ident("skip_serializing_if") {
                text(&meta)?;
                member.may_be_left_out = true;
            } else if meta.path.is_ident("serialize_with") {
                text(&meta)?;
            } else {
                return Err(meta.error("not understood"));
            }
            Ok(())
        })?;
        Ok(member)
    }

    /// A field's key in JSON.
    pub(crate) fn key(&self, field: &Ident) -> String {
        self.rename.clone().unwrap_or_else(|| field.to_string())
    }
}

fn each(attributes: &[Attribute], mut take: impl FnMut(ParseNestedMeta<'_>) -> Result<()>) -> Result<()> {
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("serde"))
        .try_for_each(|attribute| attribute.parse_nested_meta(&mut take))
}

fn text(meta: &ParseNestedMeta<'_>) -> Result<String> {
    Ok(meta.value()?.parse::<LitStr>()?.value())
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for (index, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && index > 0 {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}
