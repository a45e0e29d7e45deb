//! What the attribute asks for, once it has been judged: plain values with their spans.

use proc_macro2::Ident;
use syn::{Expr, LitStr, Path};

/// Options without a mistake: where the library is, and what to call on its builder.
pub(super) struct Options {
    pub(super) library: Path,
    pub(super) calls: Vec<Call>,
}

/// A call of one of the builder's methods, at the span of the option that asks for it.
pub(super) struct Call {
    pub(super) method: Ident,
    pub(super) argument: Argument,
}

/// What the builder's method is given.
pub(super) enum Argument {
    Nothing,
    /// A value of exactly this type.
    Typed(Type, Expr),
    /// A value that the method converts.
    Into(Expr),
    /// A name and its address.
    Listener(LitStr, Expr),
    /// As many nodes as there are CPUs.
    Auto,
    /// No time at which to give up.
    Off,
    Microseconds(u64),
}

/// The types that the builder takes as they are.
#[derive(Clone, Copy)]
pub(super) enum Type {
    U16,
    U32,
    U64,
    Usize,
    Bool,
    Duration,
}

impl Type {
    /// The name without its path.
    pub(super) fn name(self) -> &'static str {
        match self {
            Type::U16 => "u16",
            Type::U32 => "u32",
            Type::U64 => "u64",
            Type::Usize => "usize",
            Type::Bool => "bool",
            Type::Duration => "Duration",
        }
    }
}
