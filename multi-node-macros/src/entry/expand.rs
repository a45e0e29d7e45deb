//! Writes the entry point: one call of the library on top of its builder.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{FnArg, ReturnType, Signature};

use super::function::{Function, Shape};
use super::model::{Argument, Call, Options, Type};

/// The function without its argument, which runs the real one as a node.
///
/// The real function is an item of the block that is the last argument: the options, which stand
/// before it, see only the user's names.
pub(super) fn entry(options: &Options, function: &Function, shape: Shape) -> TokenStream {
    let Function { attributes, visibility, signature, body } = function;
    let Signature { asyncness, fn_token, ident, inputs, output, .. } = signature;
    let library = &options.library;
    let settings = settings(options);
    // A complaint about the return type points at that type.
    let span = match output {
        ReturnType::Default => Span::mixed_site(),
        ReturnType::Type(_, ty) => Span::mixed_site().located_at(ty.span()),
    };
    let (run, main) = match shape {
        Shape::Bare => ("run_bare", quote_spanned!(span=> #ident)),
        Shape::Nodes => ("run", with_nodes(options, signature, span)),
        Shape::Blocking => ("run_blocking", with_nodes(options, signature, span)),
    };
    let run = Ident::new(run, span);
    let call = quote_spanned! {span=>
        #library::__private::#run(|| #settings, {
            #asyncness #fn_token #ident(#inputs) #output #body
            #main
        })
    };
    quote!(#(#attributes)* #visibility #fn_token #ident() #output { #call })
}

/// A function of the same name, when there is no way to call the one that was written; that one
/// stays inside, so that its body is still checked.
pub(super) fn fallback(function: &Function) -> TokenStream {
    let Function { attributes, visibility, signature, body } = function;
    let Signature { asyncness, safety, fn_token, ident, generics, inputs, output, .. } = signature;
    let where_clause = &generics.where_clause;
    let inner = signature.receiver().is_none().then(|| {
        quote! {
            #[allow(dead_code)]
            #asyncness #safety #fn_token #ident #generics(#inputs) #output #where_clause #body
        }
    });
    quote!(#(#attributes)* #visibility #fn_token #ident() { #inner })
}

/// Calls the function from a closure, so that an argument of the wrong type is reported where that
/// type is written.
fn with_nodes(options: &Options, signature: &Signature, output: Span) -> TokenStream {
    let library = &options.library;
    let name = &signature.ident;
    let span = match signature.inputs.first() {
        Some(FnArg::Typed(argument)) => argument.ty.span(),
        Some(FnArg::Receiver(_)) | None => name.span(),
    };
    let nodes = Ident::new("__nodes", Span::mixed_site().located_at(span));
    quote_spanned!(output=> |#nodes: #library::Nodes| #name(#nodes))
}

/// A block that ends with the builder.
fn settings(options: &Options) -> TokenStream {
    let library = &options.library;
    let (bindings, calls): (Vec<_>, Vec<_>) =
        options.calls.iter().map(|call| setting(call, library)).unzip();
    quote_spanned! {Span::mixed_site()=>
        {
            #(#bindings)*
            #library::Builder::new() #(#calls)*
        }
    }
}

/// What has to stand before the builder, and the call on it.
///
/// A value of a known type is first bound to a variable of that type, so that a mismatch is reported
/// with the option's name and without the builder's innards.
fn setting(Call { method, argument }: &Call, library: &syn::Path) -> (TokenStream, TokenStream) {
    let site = Span::mixed_site();
    let none = TokenStream::new();
    match argument {
        Argument::Nothing => (none, quote_spanned!(site=> .#method())),
        Argument::Into(value) => (none, quote_spanned!(site=> .#method(#value))),
        Argument::Listener(name, address) => {
            (none, quote_spanned!(site=> .#method(#name, #address)))
        }
        Argument::Auto => (none, quote_spanned!(site=> .#method(#library::NodeCount::Auto))),
        Argument::Off => {
            let off = quote_spanned!(site=> ::core::option::Option::None::<::core::time::Duration>);
            (none, quote_spanned!(site=> .#method(#off)))
        }
        Argument::Microseconds(number) => {
            (none, quote_spanned!(site=> .#method(::core::time::Duration::from_micros(#number))))
        }
        Argument::Typed(ty, value) => {
            let span = site.located_at(method.span());
            // A constant of the same name would make this a pattern instead of a variable.
            let variable = format_ident!("__{method}", span = span);
            let name = Ident::new(ty.name(), span);
            let ty = match ty {
                Type::Duration => quote_spanned!(span=> ::core::time::#name),
                Type::U16 | Type::U32 | Type::U64 | Type::Usize | Type::Bool => {
                    quote_spanned!(span=> ::core::primitive::#name)
                }
            };
            let binding = quote_spanned!(site=> let #variable: #ty = #value;);
            (binding, quote_spanned!(site=> .#method(#variable)))
        }
    }
}
