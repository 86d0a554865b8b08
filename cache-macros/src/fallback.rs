//! What is emitted beside errors: the item untouched, and what keeps its users free of further errors.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt as _;

use crate::args::{self, Form};
use crate::check::owned_value;
use crate::diag::Diags;
use crate::expand;
use crate::item::{self, Item};
use crate::plan::{Companion, Function};
use crate::tokens::mentions;

/// The item as it was, and for a cached function the type that typed targets name.
pub(crate) fn cached(args: TokenStream, item: TokenStream) -> TokenStream {
    let companion = companion(args, item.clone());
    quote!(#item #companion)
}

/// Which parameters would have been skipped is a guess: those that are named in `skip` and those
/// that the key does not mention.
fn companion(args: TokenStream, item: TokenStream) -> Option<TokenStream> {
    let item = item::parse(item).ok()?;
    let (shape, ret) = crate::check::shape_of(&item)?;
    if !crate::check::is_free(&item) {
        return None;
    }
    let mut ignored = Diags::default();
    let args = args::parse(args, &mut ignored);
    let text = |name: &str| {
        args.iter().find_map(|arg| match &arg.form {
            Form::Value(value) if arg.name().as_deref() == Some(name) => Some(value.clone()),
            Form::List(list) if arg.name().as_deref() == Some(name) => Some(list.stream()),
            _ => None,
        })
    };
    let (key, skip) = (text("key"), text("skip"));
    let params = taken(&item, key, skip);
    let companion = Companion { params, full: true, put: true, value: owned_value(&ret) };
    let function = Function { item, rt: syn::parse_quote!(::cache_runtime), shape, ret, named_ret: true };
    Some(expand::companion(&function, &companion))
}

fn taken(item: &Item, key: Option<TokenStream>, skip: Option<TokenStream>) -> Vec<usize> {
    let skipped = |name: &str| {
        let named = skip.as_ref().is_some_and(|skip| mentions(skip.clone(), name));
        let in_key = key.as_ref().is_none_or(|key| mentions(key.clone(), name));
        named || !in_key
    };
    let taken = |(index, param): (usize, &item::Param)| {
        let any = param.names.iter().any(|name| !skipped(&name.ident.unraw().to_string()));
        any.then_some(index)
    };
    item.params.iter().enumerate().filter_map(taken).collect()
}
