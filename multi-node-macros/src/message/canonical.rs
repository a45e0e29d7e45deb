//! A definition as text that stays the same however the source is laid out.
//!
//! The text is what is hashed, so every change here changes every fingerprint: nodes of two versions
//! of a program that were built with different versions of this crate would no longer talk.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::quote;
use syn::ext::IdentExt;
use syn::{Attribute, Data, DeriveInput, Fields};

/// The kind, variants, fields and types in their order, with serde's attributes; no doc comments,
/// no visibility and not the type's own name, which is compared by itself.
pub(super) fn definition(input: &DeriveInput) -> String {
    let serde = serde_attributes(&input.attrs);
    let body = match &input.data {
        Data::Struct(data) => {
            let fields = fields(&data.fields);
            quote!(struct #fields)
        }
        Data::Enum(data) => {
            let variants = data.variants.iter().map(|variant| {
                let serde = serde_attributes(&variant.attrs);
                let name = variant.ident.unraw();
                let fields = fields(&variant.fields);
                let discriminant = variant.discriminant.as_ref().map(|(_, value)| quote!(= #value));
                quote!(#serde #name #fields #discriminant)
            });
            quote!(enum { #(#variants),* })
        }
        Data::Union(_) => TokenStream::new(),
    };
    text(quote!(#serde #body))
}

fn fields(fields: &Fields) -> TokenStream {
    let each = fields.iter().map(|field| {
        let serde = serde_attributes(&field.attrs);
        let name = field.ident.as_ref().map(|name| {
            let name = name.unraw();
            quote!(#name:)
        });
        let ty = &field.ty;
        quote!(#serde #name #ty)
    });
    match fields {
        Fields::Named(_) => quote!({ #(#each),* }),
        Fields::Unnamed(_) => quote!((#(#each),*)),
        Fields::Unit => TokenStream::new(),
    }
}

fn serde_attributes(attributes: &[Attribute]) -> TokenStream {
    let serde = attributes.iter().filter(|attribute| attribute.path().is_ident("serde"));
    quote!(#(#serde)*)
}

/// The tokens with one space between them, without trailing commas, which rustfmt adds and removes.
pub(super) fn text(tokens: TokenStream) -> String {
    let mut words = Vec::new();
    collect(tokens, &mut words);
    words.join(" ")
}

fn collect(tokens: TokenStream, words: &mut Vec<String>) {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => {
                        collect(group.stream(), words);
                        continue;
                    }
                };
                words.push(open.to_owned());
                collect(group.stream(), words);
                words.push(close.to_owned());
            }
            TokenTree::Punct(comma) if comma.as_char() == ',' && ends_here(tokens.peek()) => {}
            TokenTree::Punct(punct) => words.push(punct.as_char().to_string()),
            TokenTree::Ident(ident) => words.push(ident.unraw().to_string()),
            TokenTree::Literal(literal) => words.push(literal.to_string()),
        }
    }
}

fn ends_here(next: Option<&TokenTree>) -> bool {
    match next {
        None => true,
        Some(TokenTree::Punct(punct)) => punct.as_char() == '>',
        Some(_) => false,
    }
}
