//! Writes the implementations of `Message` and, for a type that names its reply, of `Request`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::DeriveInput;

use super::attributes::{Attributes, allows_deprecated};
use super::canonical;
use super::nested::{self, Part};

/// `impl Message for …`, with the fingerprint as a constant that the compiler works out, and
/// `impl Request for …`.
pub(super) fn implementation(input: &DeriveInput, attributes: &Attributes) -> TokenStream {
    let Attributes { name, version, reply, library } = attributes;
    let ident = &input.ident;
    let fingerprint = match version {
        Some(version) => {
            let hash = fnv1a(&format!("{name} version {version}"));
            quote!(#hash)
        }
        None => of_definition(input, library),
    };
    let deprecated = allows_deprecated(input).then(|| quote!(#[allow(deprecated)]));
    let request = reply.as_ref().map(|reply| {
        quote! {
            #[automatically_derived]
            #deprecated
            impl #library::Request for #ident {
                type Reply = #reply;
            }
        }
    });
    quote! {
        #[automatically_derived]
        #deprecated
        impl #library::Message for #ident {
            const NAME: &'static ::core::primitive::str = #name;
            const FINGERPRINT: ::core::primitive::u64 = #fingerprint;
        }
        #request
    }
}

fn of_definition(input: &DeriveInput, library: &syn::Path) -> TokenStream {
    let hash = fnv1a(&canonical::definition(input));
    let parts = nested::parts(&input.ident, &input.data);
    if parts.is_empty() {
        return quote!(#hash);
    }
    let values = parts.iter().map(|part| match part {
        Part::Type(ty) => quote!(<#library::__private::fingerprint::Of<#ty>>::FINGERPRINT),
        Part::Length(length) => quote!({ #length } as ::core::primitive::u64),
    });
    // One statement a part: an expression of hundreds of parts would be as deep as it is long.
    quote_spanned! {Span::mixed_site()=>
        {
            // Gives every type that is no message a fingerprint too.
            use #library::__private::fingerprint::NotAMessage as _;
            let __state = #hash;
            #(let __state = #library::__private::fingerprint::fold(__state, #values);)*
            __state
        }
    }
}

/// FNV-1a, 64 bits: offset basis and prime as in RFC 9923, "The FNV Non-Cryptographic Hash
/// Algorithm". The same on every machine and in every version of the compiler.
pub(super) fn fnv1a(text: &str) -> u64 {
    const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    text.bytes().fold(OFFSET_BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}
