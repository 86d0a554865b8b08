//! What a function's spelled return type says: a future, a stream, something borrowed.

use proc_macro2::TokenStream;
use syn::{GenericArgument, PathArguments, PathSegment, ReturnType, Type, TypeParamBound, parse_quote};

use crate::plan::Shape;
use crate::tokens::spell;

/// The type as spelled, `()` if there is none.
pub(crate) fn spelled(output: &ReturnType) -> Type {
    match output {
        ReturnType::Default => parse_quote!(()),
        ReturnType::Type(_, ty) => (**ty).clone(),
    }
}

/// `impl Future<Output = T>`, `Pin<Box<dyn Future<Output = T>>>`, `BoxFuture<'_, T>`: how, and `T`.
pub(crate) fn future(ty: &Type) -> Option<(Shape, Type)> {
    match plain(ty) {
        Type::ImplTrait(imp) => Some((Shape::Future, output_of(&imp.bounds)?)),
        Type::Path(path) => {
            let last = path.path.segments.last()?;
            let argument = types(last).last().cloned();
            match last.ident.to_string().as_str() {
                "BoxFuture" | "LocalBoxFuture" => Some((Shape::Boxed(Box::new(ty.clone())), argument?)),
                "Pin" => {
                    let boxed = argument?;
                    let Type::Path(inner) = plain(&boxed) else {
                        return None;
                    };
                    let inner = inner.path.segments.last()?;
                    let Some(Type::TraitObject(object)) = types(inner).next().map(plain) else {
                        return None;
                    };
                    let is_box = inner.ident == "Box";
                    let output = output_of(&object.bounds)?;
                    is_box.then(|| (Shape::Boxed(Box::new(ty.clone())), output))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// `impl Stream`, `Pin<Box<dyn Stream>>`, `BoxStream`.
pub(crate) fn is_stream(ty: &Type) -> bool {
    let is_stream_bound = |bound: &TypeParamBound| last_segment(bound).is_some_and(|segment| segment.ident == "Stream");
    match plain(ty) {
        Type::ImplTrait(imp) => imp.bounds.iter().any(is_stream_bound),
        Type::TraitObject(object) => object.bounds.iter().any(is_stream_bound),
        Type::Path(path) => path.path.segments.last().is_some_and(|last| {
            last.ident == "BoxStream" || last.ident == "LocalBoxStream" || types(last).any(is_stream)
        }),
        _ => false,
    }
}

/// The smallest borrowed part of the type, and an owned type to put there.
pub(crate) fn borrowed(ty: &Type) -> Option<(TokenStream, Option<String>)> {
    use quote::ToTokens as _;
    match plain(ty) {
        Type::Reference(reference) => Some((ty.to_token_stream(), owned(&reference.elem))),
        Type::Slice(slice) => borrowed(&slice.elem),
        Type::Array(array) => borrowed(&array.elem),
        Type::Tuple(tuple) => tuple.elems.iter().find_map(borrowed),
        Type::Path(path) => path.path.segments.iter().find_map(|segment| {
            let borrows = lifetimes(segment).any(|name| name != "static");
            let inner = || types(segment).find_map(borrowed);
            if !borrows {
                return inner();
            }
            let cow = segment.ident == "Cow";
            let owned = cow.then(|| types(segment).next().and_then(owned)).flatten();
            Some((ty.to_token_stream(), owned))
        }),
        _ => None,
    }
}

/// `impl Trait` anywhere in the type: it has no name.
pub(crate) fn unnamed(ty: &Type) -> Option<&Type> {
    match plain(ty) {
        Type::ImplTrait(_) => Some(ty),
        Type::Slice(slice) => unnamed(&slice.elem),
        Type::Array(array) => unnamed(&array.elem),
        Type::Reference(reference) => unnamed(&reference.elem),
        Type::Tuple(tuple) => tuple.elems.iter().find_map(unnamed),
        Type::Path(path) => {
            let mut segments = path.path.segments.iter();
            segments.find_map(|segment| types(segment).find_map(unnamed))
        }
        _ => None,
    }
}

/// `str` as `String`, `[T]` as `Vec<T>`, `T` as `T`.
fn owned(ty: &Type) -> Option<String> {
    match plain(ty) {
        Type::Path(path) if path.path.is_ident("str") => Some("String".to_owned()),
        Type::Slice(slice) => Some(format!("Vec<{}>", spell(&slice.elem))),
        Type::TraitObject(_) | Type::ImplTrait(_) => None,
        inner if borrowed(inner).is_some() => None,
        inner => Some(spell(inner)),
    }
}

/// Without parentheses and invisible groups.
pub(crate) fn plain(ty: &Type) -> &Type {
    match ty {
        Type::Paren(paren) => plain(&paren.elem),
        Type::Group(group) => plain(&group.elem),
        ty => ty,
    }
}

fn output_of<'a>(bounds: impl IntoIterator<Item = &'a TypeParamBound>) -> Option<Type> {
    let future = bounds.into_iter().filter_map(last_segment).find(|segment| segment.ident == "Future")?;
    arguments(future).find_map(|argument| match argument {
        GenericArgument::AssocType(assoc) if assoc.ident == "Output" => Some(assoc.ty.clone()),
        _ => None,
    })
}

fn last_segment(bound: &TypeParamBound) -> Option<&PathSegment> {
    match bound {
        TypeParamBound::Trait(bound) => bound.path.segments.last(),
        _ => None,
    }
}

fn arguments(segment: &PathSegment) -> impl Iterator<Item = &GenericArgument> {
    match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => Some(arguments.args.iter()),
        _ => None,
    }
    .into_iter()
    .flatten()
}

/// The types among a segment's arguments.
pub(crate) fn types(segment: &PathSegment) -> impl Iterator<Item = &Type> {
    arguments(segment).filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

fn lifetimes(segment: &PathSegment) -> impl Iterator<Item = String> {
    arguments(segment).filter_map(|argument| match argument {
        GenericArgument::Lifetime(lifetime) => Some(lifetime.ident.to_string()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ty(text: &str) -> Type {
        syn::parse_str(text).expect("a type")
    }

    #[test]
    fn futures_are_recognised() {
        for text in [
            "impl Future<Output = u8>",
            "impl std::future::Future<Output = u8> + Send + 'a",
            "Pin<Box<dyn Future<Output = u8> + Send + 'async_trait>>",
            "::core::pin::Pin<Box<dyn ::core::future::Future<Output = u8>>>",
            "BoxFuture<'_, u8>",
        ] {
            let (_, output) = future(&ty(text)).expect(text);
            assert_eq!(spell(output), "u8", "{text}");
        }
        for text in ["u8", "impl Iterator<Item = u8>", "Pin<Box<u8>>", "Box<dyn Future<Output = u8>>"] {
            assert!(future(&ty(text)).is_none(), "{text}");
        }
    }

    #[test]
    fn borrows_are_found_and_replaced() {
        for (text, part, replacement) in [
            ("&str", "&str", Some("String")),
            ("Result<&'a [u8], Error>", "&'a [u8]", Some("Vec<u8>")),
            ("Option<Cow<'_, str>>", "Cow<'_, str>", Some("String")),
            ("(u8, &User)", "&User", Some("User")),
            ("Users<'a>", "Users<'a>", None),
        ] {
            let (found, owned) = borrowed(&ty(text)).expect(text);
            assert_eq!(spell(found), part);
            assert_eq!(owned.as_deref(), replacement);
        }
        assert!(borrowed(&ty("Result<Cow<'static, str>, Error>")).is_none());
    }

    #[test]
    fn streams_are_found() {
        assert!(is_stream(&ty("impl Stream<Item = u8> + Send")));
        assert!(is_stream(&ty("Pin<Box<dyn Stream<Item = u8>>>")));
        assert!(is_stream(&ty("Result<BoxStream<'static, u8>, Error>")));
        assert!(!is_stream(&ty("Vec<Streams>")));
    }
}
