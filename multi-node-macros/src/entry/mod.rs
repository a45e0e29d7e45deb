//! `#[multi_node::main]`: the options and the function are parsed and checked apart, then joined.

mod check;
mod expand;
mod function;
mod listeners;
mod model;
mod options;
mod units;
mod value;

use proc_macro2::TokenStream;
use quote::quote;

use crate::errors::Errors;
use function::Function;

/// The function made an entry point, after whatever is wrong with it.
///
/// With a mistake it still defines the function, so that the rest of the program is checked and
/// editors keep working.
pub(crate) fn expand(options: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let given = options::parse(options, &mut errors);
    let options = check::check(given, &mut errors);
    let item = match syn::parse2::<Function>(item.clone()) {
        Ok(function) => {
            let (function, shape) = function::check(function, &mut errors);
            match shape {
                Some(shape) => {
                    check::check_with(shape, &options, &mut errors);
                    expand::entry(&options, &function, shape)
                }
                None => expand::fallback(&function),
            }
        }
        Err(error) => {
            errors.push(error);
            item
        }
    };
    let errors = errors.into_tokens();
    quote!(#errors #item)
}

#[cfg(test)]
mod tests;
