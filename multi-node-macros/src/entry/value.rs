//! Which values an option takes. A literal is judged here; any other expression is left to the
//! compiler, which points at it.

use std::ops::RangeInclusive;

use proc_macro2::Ident;
use quote::ToTokens;
use syn::{Expr, ExprLit, ExprPath, ExprUnary, Lit, LitInt, Path, UnOp, parse_quote};

use super::duration;
use super::model::{Argument, Type};

/// A kind of value.
pub(super) enum Kind {
    Integer(Type, RangeInclusive<u64>),
    /// A count in this range, or `auto`.
    Nodes(RangeInclusive<u64>),
    Bool,
    Host,
    Duration,
    /// The word `none`.
    Nothing,
    Flavor,
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
            Kind::Host => "a string such as \"127.0.0.1\"".to_owned(),
            Kind::Duration => duration::EXPECTED.to_owned(),
            Kind::Nothing => {
                "the word `none`, or names: `listen(http = \"0.0.0.0:80\")`".to_owned()
            }
            Kind::Flavor => "\"current_thread\" or \"multi_thread\"".to_owned(),
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
        let argument = match (self, written) {
            (Kind::Nothing, Written::Path(path)) if path.is_ident("none") => {
                return Some(Value::Method("listen_none"));
            }
            (Kind::Flavor, Written::Literal(Lit::Str(flavor))) => {
                let methods = ["current_thread", "multi_thread"];
                return methods.into_iter().find(|name| flavor.value() == *name).map(Value::Method);
            }
            (Kind::Library, Written::Path(path)) => return Some(Value::Library((*path).clone())),
            (Kind::Library, Written::Literal(Lit::Str(path))) => {
                return path.parse_with(Path::parse_mod_style).ok().map(Value::Library);
            }
            (Kind::Nothing | Kind::Flavor | Kind::Library, _) => return None,

            (Kind::Integer(of, range), Written::Literal(Lit::Int(number))) => {
                in_range(number, *of, range)?;
                Argument::Typed(*of, value.clone())
            }
            (Kind::Nodes(range), Written::Literal(Lit::Int(number))) => {
                let count = in_range(number, Type::Usize, range)?;
                let count = LitInt::new(&format!("{count}usize"), number.span());
                Argument::Into(parse_quote!(#count))
            }
            (Kind::Nodes(_), Written::Path(path)) if path.is_ident("auto") => Argument::Auto,
            (Kind::Bool, Written::Literal(Lit::Bool(_))) => {
                Argument::Typed(Type::Bool, value.clone())
            }
            (Kind::Host, Written::Literal(Lit::Str(host))) if !host.value().is_empty() => {
                Argument::Into(value.clone())
            }
            (Kind::Duration, Written::Literal(Lit::Str(text))) => {
                Argument::Milliseconds(duration::milliseconds(&text.value())?)
            }
            (_, Written::Literal(_) | Written::Negative(_)) => return None,

            (Kind::Integer(of, _), _) => Argument::Typed(*of, value.clone()),
            (Kind::Bool, _) => Argument::Typed(Type::Bool, value.clone()),
            (Kind::Duration, _) => Argument::Typed(Type::Duration, value.clone()),
            (Kind::Nodes(_) | Kind::Host, _) => Argument::Into(value.clone()),
        };
        Some(Value::Argument(argument))
    }
}

/// What can be told about an expression by looking at it.
enum Written<'a> {
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
