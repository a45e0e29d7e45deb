//! Reads `#[message(…)]`, on the type and on its fields.

use proc_macro2::Ident;
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Data, DeriveInput, Field, Fields, LitInt, LitStr, Path, Type, parse_quote};

use crate::errors::Errors;
use crate::suggest;

const ON_TYPES: [&str; 4] = ["name", "version", "reply", "crate"];
const ON_FIELDS: [&str; 1] = ["opaque"];

/// What the attributes on the type say.
pub(super) struct Attributes {
    pub(super) name: String,
    pub(super) version: Option<u64>,
    /// The type of what is replied, when the message is a request.
    pub(super) reply: Option<Type>,
    pub(super) library: Path,
}

/// The attributes on the type; mistakes, also those on variants and fields, are reported.
pub(super) fn parse(input: &DeriveInput, errors: &mut Errors) -> Attributes {
    let mut attributes = Attributes {
        name: input.ident.unraw().to_string(),
        version: None,
        reply: None,
        library: parse_quote!(::multi_node),
    };
    let mut seen = Vec::new();
    each_key(&input.attrs, errors, |meta| {
        let key = known_key(&meta, " on a type", &ON_TYPES, &mut seen)?;
        match key.to_string().as_str() {
            "name" => attributes.name = name(&meta)?,
            "version" => attributes.version = Some(version(&meta)?),
            "reply" => attributes.reply = Some(reply(&meta)?),
            _ => attributes.library = library(&meta)?,
        }
        Ok(())
    });
    check_within(&input.data, errors);
    attributes
}

/// Whether the field's type stays out of the fingerprint.
pub(super) fn is_opaque(field: &Field) -> bool {
    let mut opaque = false;
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("message")) {
        // A mistake in here has been reported by `parse`.
        let _ = attribute.parse_nested_meta(|meta| {
            opaque |= meta.path.is_ident("opaque");
            Ok(())
        });
    }
    opaque
}

/// Whether the type or a variant is deprecated, or may mention what is; serde's derives look there too.
pub(super) fn allows_deprecated(input: &DeriveInput) -> bool {
    let mut attributes: Vec<&Attribute> = input.attrs.iter().collect();
    if let Data::Enum(data) = &input.data {
        attributes.extend(data.variants.iter().flat_map(|variant| &variant.attrs));
    }
    attributes.into_iter().any(|attribute| {
        let mut allowed = attribute.path().is_ident("deprecated");
        if attribute.path().is_ident("allow") {
            // What is not a list of names allows nothing.
            let _ = attribute.parse_nested_meta(|meta| {
                allowed |= meta.path.is_ident("deprecated");
                Ok(())
            });
        }
        allowed
    })
}

/// The fields of a struct, or those of all variants.
pub(super) fn fields(data: &Data) -> impl Iterator<Item = &Field> {
    let lists: Vec<&Fields> = match data {
        Data::Struct(data) => vec![&data.fields],
        Data::Enum(data) => data.variants.iter().map(|variant| &variant.fields).collect(),
        Data::Union(_) => Vec::new(),
    };
    lists.into_iter().flatten()
}

fn check_within(data: &Data, errors: &mut Errors) {
    for field in fields(data) {
        let mut seen = Vec::new();
        each_key(&field.attrs, errors, |meta| {
            known_key(&meta, " on a field", &ON_FIELDS, &mut seen).map(drop)
        });
    }
    if let Data::Enum(data) = data {
        for attribute in data.variants.iter().flat_map(|variant| &variant.attrs) {
            if attribute.path().is_ident("message") {
                errors.at(attribute, "`message` goes on the type or on a field, not on a variant");
            }
        }
    }
}

fn each_key(
    attributes: &[Attribute],
    errors: &mut Errors,
    mut take: impl FnMut(ParseNestedMeta<'_>) -> syn::Result<()>,
) {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("message")) {
        if let Err(error) = attribute.parse_nested_meta(&mut take) {
            errors.push(error);
        }
    }
}

fn known_key(
    meta: &ParseNestedMeta<'_>,
    place: &str,
    valid: &[&str],
    seen: &mut Vec<Ident>,
) -> syn::Result<Ident> {
    let key = meta.path.require_ident()?;
    if !valid.iter().any(|name| key == name) {
        let message = suggest::unknown("key", &key.to_string(), place, valid);
        return Err(meta.error(message));
    }
    if seen.contains(key) {
        return Err(meta.error(format!("`{key}` is given twice")));
    }
    seen.push(key.clone());
    Ok(key.clone())
}

fn name(meta: &ParseNestedMeta<'_>) -> syn::Result<String> {
    let expected = "`name` takes a string that is not empty: `name = \"chat\"`";
    let text: LitStr = literal(meta, expected)?;
    if text.value().is_empty() {
        return Err(syn::Error::new(text.span(), expected));
    }
    Ok(text.value())
}

fn version(meta: &ParseNestedMeta<'_>) -> syn::Result<u64> {
    let expected = "`version` takes a whole number: `version = 2`";
    let number: LitInt = literal(meta, expected)?;
    number.base10_parse().map_err(|_| syn::Error::new(number.span(), expected))
}

fn reply(meta: &ParseNestedMeta<'_>) -> syn::Result<Type> {
    let expected = "`reply` takes the type of the reply: `reply = Pong`";
    let input = meta.value().map_err(|error| syn::Error::new(error.span(), expected))?;
    input.parse().map_err(|error| syn::Error::new(error.span(), expected))
}

fn library(meta: &ParseNestedMeta<'_>) -> syn::Result<Path> {
    let expected = "`crate` takes the path of the crate multi-node: `crate = \"cluster\"`";
    let text: LitStr = literal(meta, expected)?;
    text.parse_with(Path::parse_mod_style).map_err(|_| syn::Error::new(text.span(), expected))
}

fn literal<L: syn::parse::Parse>(meta: &ParseNestedMeta<'_>, expected: &str) -> syn::Result<L> {
    let input = meta.value()?;
    input.parse().map_err(|error| syn::Error::new(error.span(), expected))
}
