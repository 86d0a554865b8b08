//! `{return..}` in templates: a value that is there when the body is done, beside those that it may move.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote_spanned};
use syn::Path;

use crate::plan::{Bound, Owed, Part, Root};

use super::{RETURN, local, private, values};

/// ```text
/// if let Some(value) = (&&Returned(&ret)).value() { tell }
/// ```
///
/// Nothing at all where there is nothing to tell.
pub(super) fn if_value(rt: &Path, ret: &Ident, tell: &TokenStream) -> TokenStream {
    if tell.is_empty() {
        return TokenStream::new();
    }
    let span = Span::mixed_site();
    let (p, value) = (private(rt, span), local(RETURN));
    quote_spanned! {span=>
        if let ::core::option::Option::Some(#value) = {
            use #p::{ReturnedNested as _, ReturnedPlain as _, ReturnedSome as _};
            (&&#p::Returned(&#ret)).value()
        } {
            #tell
        }
    }
}

/// The values of a template with `{return..}`. `{id}` beside `{return.id}` is rendered `before` the body, which may
/// move `id`.
pub(super) fn parts(
    rt: &Path,
    bound: &[Bound],
    what: &str,
    index: usize,
    owed: &Owed,
    before: &mut TokenStream,
) -> Vec<TokenStream> {
    let span = Span::mixed_site();
    let p = private(rt, span);
    let mut parts = Vec::new();
    for (at, part) in owed.parts.iter().enumerate() {
        if matches!(part.root, Root::Return) {
            parts.push(values::part_value(rt, part));
            continue;
        }
        let name = rendered_name(what, index, at);
        let one: &[Part] = std::slice::from_ref(part);
        let rendered =
            values::with_parts(rt, bound, one, |values| quote_spanned!(span=> #p::Rendered::new(#(#values)*)));
        before.extend(quote_spanned!(span=> let #name = #rendered;));
        parts.push(quote_spanned!(span=> &#name));
    }
    parts
}

/// The local of what is known before the body and used after it.
pub(super) fn rendered_name(what: &str, index: usize, part: usize) -> Ident {
    format_ident!("__cache_{what}_{index}_{part}", span = Span::mixed_site())
}
