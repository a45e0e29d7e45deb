//! `#[derive(Message)]`: a name for the channel, and a fingerprint of the definition.

mod attributes;
mod canonical;
mod expand;
mod nested;

use proc_macro2::TokenStream;
use syn::{Data, DeriveInput};

use crate::errors::Errors;

/// The implementation of the trait, or every mistake in the definition.
///
/// With a mistake that leaves the type usable there is an implementation all the same, so that the
/// compiler does not complain wherever the type is sent.
pub(crate) fn expand(definition: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(definition) {
        Ok(input) => input,
        Err(error) => return error.into_compile_error(),
    };
    let mut errors = Errors::default();
    let attributes = attributes::parse(&input, &mut errors);
    if refuse_unsupported(&input, &mut errors) {
        return errors.into_tokens();
    }
    let mut tokens = errors.into_tokens();
    tokens.extend(expand::implementation(&input, &attributes));
    tokens
}

/// Whether the type can have no implementation at all; the mistakes are reported.
fn refuse_unsupported(input: &DeriveInput, errors: &mut Errors) -> bool {
    let mut refused = false;
    if let Data::Union(data) = &input.data {
        errors.at(data.union_token, "a union cannot be a message: use a struct or an enum");
        refused = true;
    }
    let generics = &input.generics;
    let message = "a message cannot be generic, since its name and its fingerprint stand for one \
                   type: derive it for a type of its own, such as `struct Numbers(Vec<u32>)`";
    if !generics.params.is_empty() {
        errors.at(generics, message);
        refused = true;
    } else if let Some(clause) = &generics.where_clause {
        errors.at(clause, message);
        refused = true;
    }
    refused
}

#[cfg(test)]
mod tests;
