//! Whether the calls of this function can be wrapped, and how.

use proc_macro2::TokenStream;
use quote::ToTokens as _;
use syn::{Safety, Type};

use crate::diag::Diags;
use crate::item::{self, Item, NotAFunction};
use crate::messages;
use crate::plan::Shape;
use crate::tokens::{Place, spell};

use super::returns;

/// The function, or what else the attribute was put on, reported.
pub(crate) fn item(tokens: TokenStream, attribute: &str, diags: &mut Diags) -> Option<Item> {
    let (place, message): (Place, _) = match item::parse(tokens) {
        Ok(item) => return Some(item),
        Err(NotAFunction::Other(keyword)) => {
            let message = messages::not_a_function(attribute, &keyword.to_string());
            (keyword.span().into(), message)
        }
        Err(NotAFunction::NoBody(semicolon)) => (semicolon.into(), messages::no_body(attribute)),
        Err(NotAFunction::Syntax(error)) => {
            let message = messages::not_understood(attribute, &error.to_string());
            (error.span().into(), message)
        }
    };
    diags.error(place, message);
    None
}

/// How the function is asynchronous, and what it resolves to.
pub(crate) fn shape(item: &Item, attribute: &str, diags: &mut Diags) -> Option<(Shape, Type)> {
    let qualified = qualifiers(item, attribute, diags);
    let spelled = returns::spelled(&item.sig.output);
    if item.sig.asyncness.is_some() {
        return Some((Shape::Async, spelled));
    }
    let future = returns::future(&spelled);
    if future.is_none() && attribute == "cached" && returns::is_stream(&spelled) {
        diags.error(Place::of(&spelled), messages::stream(&item.name()));
    } else if future.is_none() && !qualified {
        let name = item.sig.ident.to_string();
        diags.error(item.sig.fn_token.span, messages::not_async(attribute, &name));
    }
    future
}

/// Reports `const`, `unsafe`, `extern` and `...`; answers whether there were any.
fn qualifiers(item: &Item, attribute: &str, diags: &mut Diags) -> bool {
    let sig = &item.sig;
    let name = sig.ident.to_string();
    let mut found = false;
    let mut refuse = |place: Place, keyword: &str, diags: &mut Diags| {
        diags.error(place, messages::qualifier(attribute, keyword, &name));
        found = true;
    };
    if let Some(token) = &sig.constness {
        refuse(token.span.into(), "const", diags);
    }
    if let Safety::Unsafe(token) = &sig.safety {
        refuse(token.span.into(), "unsafe", diags);
    }
    if let Some(abi) = &sig.abi {
        refuse(Place::of(abi), "extern", diags);
    }
    if let Some(variadic) = &sig.variadic {
        diags.error(Place::of(variadic), messages::variadic(attribute));
        found = true;
    }
    found
}

/// Whether values of this type can be cached, as far as its spelling says.
pub(crate) fn cacheable(item: &Item, ret: &Type, diags: &mut Diags) {
    let name = item.name();
    if returns::is_stream(ret) {
        diags.error(Place::of(ret), messages::stream(&name));
    } else if let Some((part, owned)) = returns::borrowed(ret) {
        let message = messages::borrowed(&name, &spell(&part), owned.as_deref());
        diags.error(Place::of(&part), message);
    } else if let Some(part) = returns::unnamed(ret) {
        diags.error(Place::of(part), messages::unnamed(&name, &spell(part)));
    } else if is_never(ret) {
        diags.error(Place::of(ret), messages::never(&name));
    }
}

fn is_never(ret: &Type) -> bool {
    matches!(returns::plain(ret), Type::Never(_))
}

/// Whether the type can be written in an expression.
pub(crate) fn has_name(ret: &Type) -> bool {
    returns::unnamed(ret).is_none() && !is_never(ret)
}

/// Whether the function certainly belongs to an `impl` or a trait.
pub(crate) fn names_self(item: &Item) -> bool {
    item.has_receiver() || uses_self_type(item.sig.to_token_stream())
}

/// `self` or `Self` in code: of an enclosing `impl`, or of one nested in the body.
pub(crate) fn uses_self_type(tokens: TokenStream) -> bool {
    crate::tokens::mentions(tokens.clone(), "Self") || crate::tokens::mentions(tokens, "self")
}
