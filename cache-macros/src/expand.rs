//! Plans as tokens. Nothing here can fail.
//!
//! Paths are absolute, locals are at mixed site, so that no name of the user's can get in between.

mod cached;
mod companion;
mod data;
mod function;
mod generics;
mod invalidates;
mod key_part;
mod returned;
mod values;

pub(crate) use cached::cached;
pub(crate) use companion::companion;
pub(crate) use invalidates::invalidates;
pub(crate) use key_part::key_part;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote_spanned};
use syn::Path;

/// The local that stands for `return` in templates and typed targets.
pub(crate) const RETURN: &str = "__cache_value";

/// A local that the user's code cannot see.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// The path of what macros call, located at `span`.
fn private(rt: &Path, span: Span) -> TokenStream {
    let rt = at(rt.to_token_stream(), span);
    quote_spanned!(span=> #rt::__private)
}

/// `tokens` with the names they had, located at `span`.
fn at(tokens: TokenStream, span: Span) -> TokenStream {
    let relocated = |mut token: TokenTree| {
        token.set_span(token.span().located_at(span));
        token
    };
    tokens.into_iter().map(relocated).collect()
}
