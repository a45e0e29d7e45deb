//! The function under the attribute: its signature is read and judged, its body is carried as it is.

use proc_macro2::{Delimiter, Group, TokenTree};
use quote::ToTokens;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, FnArg, Safety, Signature, Type, Visibility};

use crate::errors::Errors;

/// A function whose body nobody has looked into, so that its tokens keep their spans and a mistake
/// in there is the compiler's to report.
pub(super) struct Function {
    pub(super) attributes: Vec<Attribute>,
    pub(super) visibility: Visibility,
    pub(super) signature: Signature,
    pub(super) body: Group,
}

/// The three kinds of function that can be an entry point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// `async fn main(nodes: Nodes)`
    Nodes,
    /// `async fn main()`
    Bare,
    /// `fn main(nodes: Nodes)`: it brings its own runtime
    Blocking,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let signature = input.parse().map_err(not_a_function)?;
        match body(input.parse()?) {
            Some(body) => Ok(Function { attributes, visibility, signature, body }),
            None => Err(syn::Error::new_spanned(signature, "this function has no body")),
        }
    }
}

/// The braces and what is in them; `macro_rules!` puts an invisible group around a `block`.
fn body(token: TokenTree) -> Option<Group> {
    let TokenTree::Group(group) = token else {
        return None;
    };
    match group.delimiter() {
        Delimiter::Brace => Some(group),
        Delimiter::None => body(group.stream().into_iter().next()?),
        Delimiter::Parenthesis | Delimiter::Bracket => None,
    }
}

fn not_a_function(error: syn::Error) -> syn::Error {
    syn::Error::new(error.span(), format!("`#[multi_node::main]` goes on a function: {error}"))
}

/// The function without the attributes that cannot stay, and its shape, unless that is wrong.
pub(super) fn check(mut function: Function, errors: &mut Errors) -> (Function, Option<Shape>) {
    function.attributes.retain(|attribute| {
        let other = starts_a_runtime(attribute);
        if let Some(message) = &other {
            errors.at(attribute, message);
        }
        other.is_none()
    });
    let shape = shape(&function.signature).map_err(|mistakes| errors.push(mistakes)).ok();
    (function, shape)
}

/// Says what is wrong when the attribute is another entry point, such as `#[tokio::main]`.
fn starts_a_runtime(attribute: &Attribute) -> Option<String> {
    let names: Vec<String> =
        attribute.path().segments.iter().map(|segment| segment.ident.to_string()).collect();
    if names.last().is_none_or(|last| last != "main") {
        return None;
    }
    let path = names.join("::");
    Some(if path == "multi_node::main" {
        "`#[multi_node::main]` is given twice".to_owned()
    } else {
        format!("remove `#[{path}]`: `#[multi_node::main]` starts the runtime itself")
    })
}

fn shape(signature: &Signature) -> syn::Result<Shape> {
    let mut mistakes = Errors::default();
    qualifiers(signature, &mut mistakes);
    let shape = match (signature.inputs.len(), signature.asyncness.is_some()) {
        (0, true) => Shape::Bare,
        (0, false) => {
            let message = "make this function `async`, or give it the argument `nodes: Nodes` and \
                           let it start its own runtime (an attribute above this one, such as \
                           `#[tokio::main]`, may have made it synchronous: remove that)";
            mistakes.at(signature.fn_token, message);
            Shape::Blocking
        }
        (_, true) => Shape::Nodes,
        (_, false) => Shape::Blocking,
    };
    let mut arguments = signature.inputs.iter();
    if let Some(argument) = arguments.next() {
        check_argument(argument, &mut mistakes);
    }
    for argument in arguments {
        mistakes.at(argument, "one argument too many: this function takes `nodes: Nodes` only");
    }
    mistakes.into_result().map(|()| shape)
}

fn qualifiers(signature: &Signature, mistakes: &mut Errors) {
    let mut refuse = |tokens: &dyn ToTokens, what: &str| {
        mistakes.at(tokens, format!("an entry point cannot be {what}"));
    };
    if let Some(token) = &signature.constness {
        refuse(token, "`const`");
    }
    match &signature.safety {
        Safety::Default => {}
        safety => refuse(safety, "`unsafe`"),
    }
    if let Some(abi) = &signature.abi {
        refuse(abi, "`extern`");
    }
    if !signature.generics.params.is_empty() {
        refuse(&signature.generics, "generic");
    }
    if let Some(clause) = &signature.generics.where_clause {
        refuse(clause, "generic");
    }
    if let Some(variadic) = &signature.variadic {
        refuse(variadic, "variadic");
    }
}

/// Refuses what `Nodes` can by no name look like; any other path is left to the compiler, since it
/// may be an alias.
fn check_argument(argument: &FnArg, mistakes: &mut Errors) {
    let ty = match argument {
        FnArg::Receiver(_) => {
            mistakes.at(argument, "an entry point has no `self`: it is a function, not a method");
            return;
        }
        FnArg::Typed(argument) => &*argument.ty,
    };
    let plausible = match peel(ty) {
        Type::Path(path) => path.path.segments.last().is_some_and(|last| last.arguments.is_none()),
        Type::Macro(_) => true,
        _ => false,
    };
    if !plausible {
        mistakes.at(ty, "the argument of an entry point is of the type `multi_node::Nodes`");
    }
}

fn peel(ty: &Type) -> &Type {
    match ty {
        Type::Paren(inner) => peel(&inner.elem),
        Type::Group(inner) => peel(&inner.elem),
        other => other,
    }
}
