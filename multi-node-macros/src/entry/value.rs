//! Which values an option takes. A literal is judged here; any other expression is left to the
//! compiler, which points at it.

use std::ops::RangeInclusive;

use proc_macro2::Ident;
use quote::ToTokens;
use syn::{Expr, ExprLit, ExprPath, ExprUnary, Lit, LitInt, Path, UnOp, parse_quote};

use super::model::{Argument, Type};
use super::units;

/// A kind of value.
pub(super) enum Kind {
    Integer(Type, RangeInclusive<u64>),
    /// A count in this range, or `auto`.
    Nodes(RangeInclusive<u64>),
    Bool,
    /// A string that is not empty, as the message says it.
    Text(&'static str),
    Duration,
    /// A duration above zero.
    Timeout,
    /// A duration above zero, or the word `off`.
    TimeoutOrOff,
    /// A number of bytes above zero.
    Bytes,
    /// The word `none`.
    Nothing,
    /// One of these strings, each with the builder's method for it.
    Choice(&'static [(&'static str, &'static str)]),
    Library,
}

/// A value that its option takes.
pub(super) enum Value {
    /// The argument of the builder's method that is named like the option.
    Argument(Argument),
    /// The builder's method itself.
    Method(&'static str),
    Library(Path),
}

impl Kind {
    /// Completes "the option takes …", for error messages.
    pub(super) fn expected(&self) -> String {
        match self {
            Kind::Integer(of, range) => {
                format!("a number (`{}`) from {} to {}", of.name(), range.start(), range.end())
            }
            Kind::Nodes(range) => {
                format!("a number from {} to {} or the word `auto`", range.start(), range.end())
            }
            Kind::Bool => "`true` or `false`".to_owned(),
            Kind::Text(expected) => (*expected).to_owned(),
            Kind::Duration => units::TIME.to_owned(),
            Kind::Timeout => units::TIMEOUT.to_owned(),
            Kind::TimeoutOrOff => format!("{}, or the word `off`", units::TIMEOUT),
            Kind::Bytes => units::SIZE.to_owned(),
            Kind::Nothing => {
                "the word `none`, or names: `listen(http = \"0.0.0.0:80\")`".to_owned()
            }
            Kind::Choice(choices) => {
                let choices: Vec<_> =
                    choices.iter().map(|(name, _)| format!("\"{name}\"")).collect();
                choices.join(" or ")
            }
            Kind::Library => "the path of the crate multi-node, such as \"cluster\"".to_owned(),
        }
    }

    /// The value, or what is wrong with it.
    pub(super) fn check(&self, option: &Ident, value: Expr) -> syn::Result<Value> {
        let written = Written::from(&value);
        self.accept(&written, &value).ok_or_else(|| {
            let message =
                format!("`{option}` takes {}, not {}", self.expected(), written.describe());
            syn::Error::new_spanned(&value, message)
        })
    }

    fn accept(&self, written: &Written<'_>, value: &Expr) -> Option<Value> {
        match (self, written) {
            (Kind::Nothing, Written::Path(path)) => {
                path.is_ident("none").then_some(Value::Method("listen_none"))
            }
            (Kind::Choice(choices), Written::Literal(Lit::Str(given))) => {
                let (_, method) = choices.iter().find(|(choice, _)| given.value() == *choice)?;
                Some(Value::Method(method))
            }
            (Kind::Library, Written::Path(path)) => Some(Value::Library((*path).clone())),
            (Kind::Library, Written::Literal(Lit::Str(path))) => {
                path.parse_with(Path::parse_mod_style).ok().map(Value::Library)
            }
            (Kind::Nothing | Kind::Choice(_) | Kind::Library, _) | (_, Written::Negative(_)) => {
                None
            }
            (_, Written::Literal(literal)) => self.literal(literal, value).map(Value::Argument),
            (_, Written::Path(path)) => {
                Some(Value::Argument(self.word(path).unwrap_or_else(|| self.expression(value))))
            }
            (_, Written::Other) => Some(Value::Argument(self.expression(value))),
        }
    }

    fn literal(&self, literal: &Lit, value: &Expr) -> Option<Argument> {
        Some(match (self, literal) {
            (Kind::Integer(of, range), Lit::Int(number)) => {
                in_range(number, *of, range)?;
                Argument::Typed(*of, value.clone())
            }
            (Kind::Nodes(range), Lit::Int(number)) => {
                let count = in_range(number, Type::Usize, range)?;
                let count = LitInt::new(&format!("{count}usize"), number.span());
                Argument::Into(parse_quote!(#count))
            }
            (Kind::Bool, Lit::Bool(_)) => Argument::Typed(Type::Bool, value.clone()),
            (Kind::Text(_), Lit::Str(text)) if !text.value().is_empty() => {
                Argument::Into(value.clone())
            }
            (Kind::Duration, Lit::Str(text)) => {
                Argument::Microseconds(units::microseconds(&text.value())?)
            }
            (Kind::Timeout | Kind::TimeoutOrOff, Lit::Str(text)) => {
                let timeout = units::microseconds(&text.value());
                Argument::Microseconds(timeout.filter(|timeout| *timeout > 0)?)
            }
            (Kind::Bytes, Lit::Int(number)) => {
                in_range(number, Type::U64, &(1..=u64::MAX))?;
                Argument::Typed(Type::U64, value.clone())
            }
            (Kind::Bytes, Lit::Str(text)) => {
                let bytes = units::bytes(&text.value()).filter(|bytes| *bytes > 0)?;
                let bytes = LitInt::new(&format!("{bytes}u64"), text.span());
                Argument::Into(parse_quote!(#bytes))
            }
            _ => return None,
        })
    }

    /// The argument, where the option gives the word a meaning.
    fn word(&self, path: &Path) -> Option<Argument> {
        match self {
            Kind::Nodes(_) if path.is_ident("auto") => Some(Argument::Auto),
            Kind::TimeoutOrOff if path.is_ident("off") => Some(Argument::Off),
            _ => None,
        }
    }

    fn expression(&self, value: &Expr) -> Argument {
        let value = value.clone();
        match self {
            Kind::Integer(of, _) => Argument::Typed(*of, value),
            Kind::Bool => Argument::Typed(Type::Bool, value),
            Kind::Duration | Kind::Timeout => Argument::Typed(Type::Duration, value),
            Kind::Bytes => Argument::Typed(Type::U64, value),
            Kind::Nodes(_)
            | Kind::Text(_)
            | Kind::TimeoutOrOff
            | Kind::Nothing
            | Kind::Choice(_)
            | Kind::Library => Argument::Into(value),
        }
    }
}

/// What can be told about an expression by looking at it.
pub(super) enum Written<'a> {
    Literal(&'a Lit),
    /// A literal with a minus sign.
    Negative(&'a Lit),
    Path(&'a Path),
    Other,
}

impl<'a> From<&'a Expr> for Written<'a> {
    fn from(expr: &'a Expr) -> Self {
        match expr {
            Expr::Paren(inner) => Written::from(&*inner.expr),
            // `macro_rules!` puts an invisible group around an expression.
            Expr::Group(inner) => Written::from(&*inner.expr),
            Expr::Lit(ExprLit { lit, .. }) => Written::Literal(lit),
            Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => match Written::from(&**expr) {
                Written::Literal(lit) => Written::Negative(lit),
                Written::Negative(_) | Written::Path(_) | Written::Other => Written::Other,
            },
            Expr::Path(ExprPath { qself: None, path, .. }) => Written::Path(path),
            _ => Written::Other,
        }
    }
}

impl Written<'_> {
    fn describe(&self) -> String {
        match self {
            Written::Literal(literal) => literal.to_token_stream().to_string(),
            Written::Negative(literal) => format!("-{}", literal.to_token_stream()),
            Written::Path(_) | Written::Other => "this expression".to_owned(),
        }
    }
}

fn in_range(number: &LitInt, of: Type, range: &RangeInclusive<u64>) -> Option<u64> {
    let suffix_fits = number.suffix().is_empty() || number.suffix() == of.name();
    let number = number.base10_parse().ok()?;
    (suffix_fits && range.contains(&number)).then_some(number)
}
