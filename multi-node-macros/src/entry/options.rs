//! What the attribute says, before anybody judges it: names and values, with their spans.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::token::Paren;
use syn::{Expr, Token, parenthesized};

use super::check::valid_options;
use crate::errors::Errors;

/// One option as it was written: `name = value`, `name(…)`, or the name alone.
pub(super) struct Given {
    pub(super) name: Ident,
    pub(super) value: Option<Expr>,
    /// What stands in parentheses behind the name, in the same form.
    pub(super) listed: Option<Vec<Given>>,
}

/// The options that can be read; what cannot be read is reported, up to the next comma, and skipped.
pub(super) fn parse(options: TokenStream, errors: &mut Errors) -> Vec<Given> {
    let mut given = Vec::new();
    let parser = |input: ParseStream<'_>| {
        given = all(input, errors);
        Ok(())
    };
    if let Err(error) = parser.parse2(options) {
        errors.push(error);
    }
    given
}

fn all(input: ParseStream<'_>, errors: &mut Errors) -> Vec<Given> {
    let mut given = Vec::new();
    while !input.is_empty() {
        match one(input, errors) {
            Ok(option) => given.push(option),
            Err(error) => {
                errors.push(error);
                skip_past_comma(input);
            }
        }
    }
    given
}

fn one(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Given> {
    if !input.peek(Ident::peek_any) {
        let message = format!("an option is `name = value`: {}", valid_options());
        return Err(input.error(message));
    }
    let name = input.call(Ident::parse_any)?;
    let listed = if input.peek(Paren) {
        let listed;
        parenthesized!(listed in input);
        Some(all(&listed, errors))
    } else {
        None
    };
    let ends = || input.is_empty() || input.peek(Token![,]);
    let value = if ends() {
        None
    } else {
        input.parse::<Token![=]>().map_err(|error| expected_equals(&name, &error))?;
        if ends() { None } else { Some(input.parse()?) }
    };
    if !input.is_empty() {
        input.parse::<Token![,]>()?;
    }
    Ok(Given { name, value, listed })
}

fn expected_equals(name: &Ident, error: &syn::Error) -> syn::Error {
    syn::Error::new(error.span(), format!("expected `=` here: an option is `{name} = value`"))
}

fn skip_past_comma(input: ParseStream<'_>) {
    while let Ok(token) = input.parse::<TokenTree>() {
        if matches!(&token, TokenTree::Punct(punct) if punct.as_char() == ',') {
            return;
        }
    }
}
