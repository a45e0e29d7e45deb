//! Judges the options: names, types, ranges, and what contradicts what.
//!
//! A literal is checked here; any other expression is left to the compiler, which points at it.

use std::fmt::Display;

use proc_macro2::Ident;
use syn::{Expr, ExprLit, ExprPath, ExprUnary, Lit, LitInt, LitStr, Path, UnOp, parse_quote};

use super::duration;
use super::options::Given;
use crate::errors::Errors;
use crate::suggest;

/// Options without a mistake: where the library is, and what to call on its builder.
pub(super) struct Options {
    pub(super) library: Path,
    pub(super) calls: Vec<Call>,
}

/// A call of one of the builder's methods.
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
    /// As many nodes as there are CPUs.
    Auto,
    Milliseconds(u64),
}

/// The types that the builder takes as they are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    U16,
    U32,
    Usize,
    Bool,
    Duration,
}

enum Kind {
    Integer { of: Type, least: u64, most: u64 },
    Nodes,
    Bool,
    Host,
    Duration,
    Listen,
    Flavor,
    Crate,
}

const OPTIONS: [(&str, Kind); 12] = [
    (
        "port",
        Kind::Integer {
            of: Type::U16,
            least: 0,
            most: 65_535,
        },
    ),
    ("host", Kind::Host),
    ("listen", Kind::Listen),
    ("nodes", Kind::Nodes),
    ("master_listen", Kind::Bool),
    ("restart_children", Kind::Bool),
    (
        "backlog",
        Kind::Integer {
            of: Type::U32,
            least: 1,
            most: i32::MAX as u64,
        },
    ),
    ("drain_timeout", Kind::Duration),
    ("start_timeout", Kind::Duration),
    ("flavor", Kind::Flavor),
    // More than this tokio cannot count.
    (
        "worker_threads",
        Kind::Integer {
            of: Type::Usize,
            least: 1,
            most: 65_535,
        },
    ),
    ("crate", Kind::Crate),
];

const MAX_NODES: u64 = 256;

/// `valid options are …`, for error messages.
pub(super) fn valid_options() -> String {
    let names: Vec<&str> = OPTIONS.iter().map(|(name, _)| *name).collect();
    format!("valid options are {}", suggest::list(&names))
}

/// The options that are right; every one that is not is reported and left out.
pub(super) fn check(given: Vec<Given>, errors: &mut Errors) -> Options {
    let mut options = Options {
        library: parse_quote!(::multi_node),
        calls: Vec::new(),
    };
    let mut seen: Vec<Ident> = Vec::new();
    for option in given {
        let Some((_, kind)) = OPTIONS.iter().find(|(name, _)| option.name == name) else {
            errors.push(unknown(&option.name));
            continue;
        };
        if seen.contains(&option.name) {
            errors.at(&option.name, format!("`{}` is given twice", option.name));
            continue;
        }
        seen.push(option.name.clone());
        if let Err(error) = options.add(kind, option) {
            errors.push(error);
        }
    }
    contradictions(&seen, &options, errors);
    options
}

fn unknown(name: &Ident) -> syn::Error {
    let names: Vec<&str> = OPTIONS.iter().map(|(name, _)| *name).collect();
    let hint = match suggest::closest(&name.to_string(), &names) {
        Some(meant) => format!(", did you mean `{meant}`?"),
        None => ":".to_owned(),
    };
    syn::Error::new(
        name.span(),
        format!("unknown option `{name}`{hint} {}", valid_options()),
    )
}

fn contradictions(seen: &[Ident], options: &Options, errors: &mut Errors) {
    let calls = |method: &str| options.calls.iter().any(|call| call.method == method);
    if calls("listen_none") {
        for name in seen
            .iter()
            .filter(|name| ["port", "host", "backlog"].iter().any(|n| name == n))
        {
            errors.at(
                name,
                format!("`{name}` contradicts `listen = none`: leave one out"),
            );
        }
    }
    let single = calls("current_thread") || !seen.iter().any(|name| name == "flavor");
    if let Some(name) = seen.iter().find(|name| *name == "worker_threads" && single) {
        errors.at(name, "`worker_threads` needs `flavor = \"multi_thread\"`");
    }
}

impl Options {
    fn add(&mut self, kind: &Kind, Given { name, value }: Given) -> syn::Result<()> {
        let (method, argument) = match kind {
            Kind::Crate => {
                self.library = library(&value)?;
                return Ok(());
            }
            Kind::Listen => (listen(&value)?, Argument::Nothing),
            Kind::Flavor => (flavor(&value)?, Argument::Nothing),
            Kind::Integer { of, least, most } => {
                integer(&name, *of, *least..=*most, &value)?;
                (name, Argument::Typed(*of, value))
            }
            Kind::Nodes => {
                let argument = nodes(&name, value)?;
                (name, argument)
            }
            Kind::Bool => match literal(&value) {
                None | Some(Lit::Bool(_)) => (name, Argument::Typed(Type::Bool, value)),
                Some(_) => return Err(wrong(&value, &name, "`true` or `false`")),
            },
            Kind::Host => match literal(&value) {
                None => (name, Argument::Into(value)),
                Some(Lit::Str(host)) if !host.value().is_empty() => (name, Argument::Into(value)),
                Some(_) => return Err(wrong(&value, &name, "a string such as \"127.0.0.1\"")),
            },
            Kind::Duration => {
                let argument = duration(&name, value)?;
                (name, argument)
            }
        };
        self.calls.push(Call { method, argument });
        Ok(())
    }
}

fn integer(
    name: &Ident,
    of: Type,
    range: std::ops::RangeInclusive<u64>,
    value: &Expr,
) -> syn::Result<()> {
    let expected = format!("a number from {} to {}", range.start(), range.end());
    if negative_literal(value) {
        return Err(wrong(value, name, expected));
    }
    match literal(value) {
        None => Ok(()),
        Some(Lit::Int(number)) => {
            check_suffix(name, number, of)?;
            match number.base10_parse::<u64>() {
                Ok(number) if range.contains(&number) => Ok(()),
                _ => Err(wrong(value, name, expected)),
            }
        }
        Some(_) => Err(wrong(value, name, expected)),
    }
}

fn check_suffix(name: &Ident, number: &LitInt, of: Type) -> syn::Result<()> {
    if number.suffix().is_empty() || number.suffix() == of.name() {
        return Ok(());
    }
    let message = format!(
        "`{name}` is a `{}`: write `{}`",
        of.name(),
        number.base10_digits()
    );
    Err(syn::Error::new(number.span(), message))
}

fn nodes(name: &Ident, value: Expr) -> syn::Result<Argument> {
    if is_word(&value, "auto") {
        return Ok(Argument::Auto);
    }
    let expected = format!("a number from 1 to {MAX_NODES}, or `auto`");
    if negative_literal(&value) {
        return Err(wrong(&value, name, expected));
    }
    let Some(literal) = literal(&value) else {
        return Ok(Argument::Into(value));
    };
    let Lit::Int(number) = literal else {
        return Err(wrong(&value, name, expected));
    };
    check_suffix(name, number, Type::Usize)?;
    match number.base10_parse::<u64>() {
        Ok(count) if (1..=MAX_NODES).contains(&count) => {
            let sized = LitInt::new(&format!("{count}usize"), number.span());
            Ok(Argument::Into(parse_quote!(#sized)))
        }
        _ => Err(wrong(&value, name, expected)),
    }
}

fn duration(name: &Ident, value: Expr) -> syn::Result<Argument> {
    let text = match literal(&value) {
        None if negative_literal(&value) => None,
        None => return Ok(Argument::Typed(Type::Duration, value)),
        Some(Lit::Str(text)) => duration::parse(&text.value()),
        Some(_) => None,
    };
    let milliseconds = text.and_then(|duration| u64::try_from(duration.as_millis()).ok());
    match milliseconds {
        Some(milliseconds) => Ok(Argument::Milliseconds(milliseconds)),
        None => Err(wrong(&value, name, duration::EXPECTED)),
    }
}

fn listen(value: &Expr) -> syn::Result<Ident> {
    if is_word(value, "none") {
        return Ok(parse_quote!(listen_none));
    }
    let message = "`listen` takes `none` only; an address is `host` and `port`";
    Err(syn::Error::new_spanned(value, message))
}

fn flavor(value: &Expr) -> syn::Result<Ident> {
    let text = match literal(value) {
        Some(Lit::Str(text)) => text.value(),
        _ => String::new(),
    };
    match text.as_str() {
        "current_thread" => Ok(parse_quote!(current_thread)),
        "multi_thread" => Ok(parse_quote!(multi_thread)),
        _ => {
            let message = "`flavor` takes \"current_thread\" or \"multi_thread\", in quotes";
            Err(syn::Error::new_spanned(value, message))
        }
    }
}

fn library(value: &Expr) -> syn::Result<Path> {
    if let Expr::Path(ExprPath {
        attrs,
        qself: None,
        path,
    }) = peel(value)
        && attrs.is_empty()
    {
        return Ok(path.clone());
    }
    if let Some(Lit::Str(text)) = literal(value)
        && let Ok(path) = text.parse_with(Path::parse_mod_style)
    {
        return Ok(path);
    }
    let message = "`crate` takes a path: what this program calls the crate multi-node, such as \
                   `crate = \"cluster\"`";
    Err(syn::Error::new_spanned(value, message))
}

fn wrong(value: &Expr, name: &Ident, expected: impl Display) -> syn::Error {
    let found = match literal(value) {
        Some(Lit::Int(number)) => number.base10_digits().to_owned(),
        Some(Lit::Str(text)) => quoted(text),
        Some(Lit::Bool(flag)) => flag.value.to_string(),
        Some(Lit::Float(number)) => number.base10_digits().to_owned(),
        Some(Lit::Char(_)) => "a character".to_owned(),
        _ if negative_literal(value) => "a negative number".to_owned(),
        _ => "this".to_owned(),
    };
    syn::Error::new_spanned(value, format!("`{name}` takes {expected}, not {found}"))
}

fn quoted(text: &LitStr) -> String {
    format!("{:?}", text.value())
}

/// The expression without the parentheses and invisible groups (of `macro_rules!`) around it.
fn peel(value: &Expr) -> &Expr {
    match value {
        Expr::Paren(inner) => peel(&inner.expr),
        Expr::Group(inner) => peel(&inner.expr),
        other => other,
    }
}

fn literal(value: &Expr) -> Option<&Lit> {
    match peel(value) {
        Expr::Lit(ExprLit { lit, .. }) => Some(lit),
        _ => None,
    }
}

fn negative_literal(value: &Expr) -> bool {
    matches!(
        peel(value),
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) if literal(expr).is_some()
    )
}

fn is_word(value: &Expr, word: &str) -> bool {
    matches!(peel(value), Expr::Path(ExprPath { qself: None, path, .. }) if path.is_ident(word))
}

impl Type {
    /// The name of the type, or of what is in its module.
    pub(super) fn name(self) -> &'static str {
        match self {
            Type::U16 => "u16",
            Type::U32 => "u32",
            Type::Usize => "usize",
            Type::Bool => "bool",
            Type::Duration => "Duration",
        }
    }
}
