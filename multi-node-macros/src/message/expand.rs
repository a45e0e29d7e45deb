//! Writes the implementation of `Message`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::DeriveInput;

use super::attributes::Attributes;
use super::canonical;
use super::nested::{self, Part};

/// `impl Message for …`, with the fingerprint as a constant that the compiler works out.
pub(super) fn implementation(input: &DeriveInput, attributes: &Attributes) -> TokenStream {
    let Attributes {
        name,
        version,
        library,
    } = attributes;
    let ident = &input.ident;
    let fingerprint = match version {
        Some(version) => {
            let hash = fnv1a(&format!("{name} version {version}"));
            quote!(#hash)
        }
        None => of_definition(input, library),
    };
    quote! {
        #[automatically_derived]
        impl #library::Message for #ident {
            const NAME: &'static ::core::primitive::str = #name;
            const FINGERPRINT: ::core::primitive::u64 = #fingerprint;
        }
    }
}

fn of_definition(input: &DeriveInput, library: &syn::Path) -> TokenStream {
    let hash = fnv1a(&canonical::definition(input));
    let parts = nested::parts(&input.ident, &input.data);
    if parts.is_empty() {
        return quote!(#hash);
    }
    let folded = parts.iter().fold(quote!(#hash), |state, part| {
        let value = match part {
            Part::Type(ty) => quote!(<#library::__private::fingerprint::Of<#ty>>::FINGERPRINT),
            Part::Length(length) => quote!({ #length } as ::core::primitive::u64),
        };
        quote!(#library::__private::fingerprint::fold(#state, #value))
    });
    quote! {
        {
            // Gives every type that is no message a fingerprint too.
            use #library::__private::fingerprint::NotAMessage as _;
            #folded
        }
    }
}

/// FNV-1a, 64 bits: offset basis and prime as in RFC 9923, "The FNV Non-Cryptographic Hash
/// Algorithm". The same on every machine and in every version of the compiler.
pub(super) fn fnv1a(text: &str) -> u64 {
    const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    text.bytes().fold(OFFSET_BASIS, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(PRIME)
    })
}
