//! The function around its body: the signature as it was, the body as it was.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote_spanned};

use crate::plan::{Function, Shape};

use super::local;

/// The function with `statements` for a body.
///
/// ```text
/// async fn f() -> T { statements }
/// fn f() -> impl Future<Output = T> { async move { statements } }
/// fn f() -> Pin<Box<dyn Future<Output = T>>> { Box::pin(async move { statements }) }
/// ```
pub(super) fn with_statements(function: &Function, statements: &TokenStream) -> TokenStream {
    let span = Span::mixed_site();
    let (inner_attrs, _) = split_inner_attrs(function.item.body.stream());
    let content = match function.shape {
        Shape::Async => statements.clone(),
        Shape::Future => quote_spanned!(span=> async move { #statements }),
        Shape::Boxed(_) => {
            quote_spanned!(span=> ::std::boxed::Box::pin(async move { #statements }))
        }
    };
    let mut body = Group::new(proc_macro2::Delimiter::Brace, quote_spanned!(span=> #inner_attrs #content));
    body.set_span(function.item.body.span());
    let (attrs, vis, sig) = (&function.item.attrs, &function.item.vis, &function.item.sig);
    quote_spanned!(span=> #(#attrs)* #vis #sig #body)
}

/// The body as a future.
///
/// ```text
/// async move { if let Some(ret) = None::<T> { return ret; } body }
/// async move { (move || -> Pin<Box<..>> { body })().await }
/// ```
///
/// The first statement is never run; it gives `return` and `?` in the body the type they had.
pub(super) fn body_future(function: &Function) -> TokenStream {
    let span = Span::mixed_site();
    let (_, body) = split_inner_attrs(function.item.body.stream());
    match &function.shape {
        Shape::Async if function.named_ret => {
            let (ret, edge) = (&function.ret, local("__cache_edge"));
            quote_spanned! {span=>
                async move {
                    if let ::core::option::Option::Some(#edge) = ::core::option::Option::None::<#ret> {
                        return #edge;
                    }
                    #body
                }
            }
        }
        Shape::Async => quote_spanned!(span=> async move { #body }),
        Shape::Future => quote_spanned!(span=> async move { (move || { #body })().await }),
        Shape::Boxed(ty) => {
            quote_spanned!(span=> async move { (move || -> #ty { #body })().await })
        }
    }
}

/// `#![allow(..)]` stays at the start of the function.
fn split_inner_attrs(body: TokenStream) -> (TokenStream, TokenStream) {
    let tokens: Vec<TokenTree> = body.into_iter().collect();
    let is =
        |token: Option<&TokenTree>, c: char| matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == c);
    let mut end = 0;
    while is(tokens.get(end), '#')
        && is(tokens.get(end + 1), '!')
        && matches!(tokens.get(end + 2), Some(TokenTree::Group(_)))
    {
        end += 3;
    }
    let (attrs, rest) = tokens.split_at(end);
    let stream = |tokens: &[TokenTree]| tokens.iter().map(|token| token.to_token_stream()).collect();
    (stream(attrs), stream(rest))
}
