//! Whether the function's name can also be a type, and what that type can do.

use proc_macro2::TokenStream;
use quote::ToTokens as _;
use syn::Type;

use crate::item::Item;
use crate::plan::{Companion, Owed, Parts, Root};
use crate::surroundings::{self, Surroundings};
use crate::tokens::mentions;

use super::coverage::Skipped;
use super::{function, returns};

/// Whether a type may stand beside the function.
pub(crate) fn is_free(item: &Item) -> bool {
    if function::names_self(item) {
        return false;
    }
    match surroundings::of_call_site() {
        Surroundings::Free => true,
        Surroundings::Associated => false,
        Surroundings::Unknown => !function::uses_self_type(item.body.stream()),
    }
}

/// Whether `Self` certainly is a type where the function stands.
pub(crate) fn has_self_type(item: &Item) -> bool {
    function::names_self(item) || matches!(surroundings::of_call_site(), Surroundings::Associated)
}

/// The companion of a free function; `None` where key or tags need a skipped parameter.
pub(crate) fn companion_of(
    item: &Item,
    ret: &Type,
    parts: &Parts,
    found: &[Owed],
    dynamic: &[TokenStream],
    skipped: &Skipped,
) -> Option<Companion> {
    let names_skipped = |tokens: &TokenStream| skipped.iter().any(|name| mentions(tokens.clone(), name));
    let known = |root: &Root| match root {
        Root::Name(ident, _) => !names_skipped(&ident.to_token_stream()),
        Root::Bound(index) => !names_skipped(&parts.bound[*index].value.to_token_stream()),
        Root::SelfType | Root::Return => false,
    };
    if !parts.list.iter().all(|part| known(&part.root)) {
        return None;
    }
    let mut found = found.iter().flat_map(|owed| &owed.parts);
    let taken = |(index, param): (usize, &crate::item::Param)| {
        let taken = param.names.iter().any(|name| !skipped.contains(&name.text));
        taken.then_some(index)
    };
    Some(Companion {
        params: item.params.iter().enumerate().filter_map(taken).collect(),
        full: !dynamic.iter().any(names_skipped),
        put: found.all(|part| matches!(part.root, Root::Return) || known(&part.root)),
        value: owned_value(ret),
    })
}

/// `T` of a type spelled `Result<T, ..>`, else the type itself.
pub(crate) fn owned_value(ret: &Type) -> Type {
    let Type::Path(path) = returns::plain(ret) else {
        return ret.clone();
    };
    let last = path.path.segments.last().filter(|last| last.ident == "Result");
    let value = last.and_then(|last| returns::types(last).next());
    value.unwrap_or(ret).clone()
}
