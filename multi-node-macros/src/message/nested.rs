//! The parts of a definition whose meaning its text does not tell: other types, and array lengths.

use syn::punctuated::Punctuated;
use syn::{Data, Expr, ExprLit, GenericArgument, Ident, PathArguments, Token, Type, TypePath};

use super::attributes::{fields, is_opaque};
use super::canonical;

/// Something that the compiler knows and the derive does not.
pub(super) enum Part {
    /// A type that may be a message, with a fingerprint of its own.
    Type(Type),
    /// The length of an array, which is a part of what is sent.
    Length(Expr),
}

/// Every part, once, in the order in which the definition of `name` mentions them; types within
/// containers come after their container.
pub(super) fn parts(name: &Ident, data: &Data) -> Vec<Part> {
    let mut collector = Collector { name, parts: Vec::new(), seen: Vec::new() };
    for field in fields(data).filter(|field| !is_opaque(field)) {
        collector.ty(&field.ty);
    }
    collector.parts
}

struct Collector<'a> {
    name: &'a Ident,
    parts: Vec<Part>,
    seen: Vec<String>,
}

impl Collector<'_> {
    fn ty(&mut self, ty: &Type) {
        match ty {
            Type::Path(path) => self.path(ty, path),
            Type::Macro(_) => self.add(Part::Type(ty.clone()), canonical::text(quote::quote!(#ty))),
            Type::Array(array) => {
                if !matches!(array.len, Expr::Lit(ExprLit { .. })) {
                    let length = &array.len;
                    let text = canonical::text(quote::quote!([#length]));
                    self.add(Part::Length(array.len.clone()), text);
                }
                self.ty(&array.elem);
            }
            Type::Slice(slice) => self.ty(&slice.elem),
            Type::Reference(reference) => self.ty(&reference.elem),
            Type::Group(group) => self.ty(&group.elem),
            Type::Paren(paren) => self.ty(&paren.elem),
            Type::Tuple(tuple) => tuple.elems.iter().for_each(|elem| self.ty(elem)),
            // These cannot be sent, so serde's derive complains about them.
            _ => {}
        }
    }

    fn path(&mut self, ty: &Type, path: &TypePath) {
        if self.is_itself(path) {
            return;
        }
        self.add(Part::Type(ty.clone()), canonical::text(quote::quote!(#ty)));
        for segment in &path.path.segments {
            if let PathArguments::AngleBracketed(arguments) = &segment.arguments {
                self.arguments(&arguments.args);
            }
        }
    }

    fn arguments(&mut self, arguments: &Punctuated<GenericArgument, Token![,]>) {
        for argument in arguments {
            match argument {
                GenericArgument::Type(ty) if !is_constant(ty) => self.ty(ty),
                _ => {}
            }
        }
    }

    fn add(&mut self, part: Part, text: String) {
        if !self.seen.contains(&text) {
            self.seen.push(text);
            self.parts.push(part);
        }
    }

    /// A type that mentions itself would need its own fingerprint to make it.
    fn is_itself(&self, TypePath { qself, path, .. }: &TypePath) -> bool {
        let mut segments = path.segments.iter().map(|segment| &segment.ident);
        qself.is_none()
            && match (segments.next(), segments.next(), segments.next()) {
                (Some(only), None, None) => only == self.name || only == "Self",
                (Some(first), Some(second), None) => first == "self" && second == self.name,
                _ => false,
            }
    }
}

/// `MAX` in `ArrayVec<u8, MAX>` is read as a type; only its spelling tells that it is none.
///
/// Names of one or two capitals are as likely types: those are named as types, and if one is not,
/// the compiler says so.
fn is_constant(ty: &Type) -> bool {
    let Type::Path(TypePath { qself: None, path, .. }) = ty else {
        return false;
    };
    path.get_ident().is_some_and(|name| {
        let name = name.to_string();
        name.len() >= 3 && !name.contains(char::is_lowercase)
    })
}
