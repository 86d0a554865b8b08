//! The values of templates, borrowed for one statement.

use proc_macro2::{Ident, Literal, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::{Attribute, Meta, Path};

use crate::plan::{Bound, Part, Root};

use super::{RETURN, at, private};

/// `use_values(&id, &org)`, inside a `match` that holds the bound values, if there are any.
pub(super) fn with_parts(
    rt: &Path,
    bound: &[Bound],
    parts: &[Part],
    use_values: impl FnOnce(&[TokenStream]) -> TokenStream,
) -> TokenStream {
    let values: Vec<TokenStream> = parts.iter().map(|part| part_value(rt, part)).collect();
    with_values(bound, parts, &values, use_values)
}

/// The same with the values as they are.
pub(super) fn with_values(
    bound: &[Bound],
    parts: &[Part],
    values: &[TokenStream],
    use_values: impl FnOnce(&[TokenStream]) -> TokenStream,
) -> TokenStream {
    let inner = use_values(values);
    let used = used_bindings(parts);
    if used.is_empty() {
        return inner;
    }
    let values = used.iter().map(|&index| &bound[index].value);
    let names = used.iter().map(|&index| bound_name(index));
    quote_spanned!(Span::mixed_site()=> match (#(&(#values),)*) { (#(#names,)*) => #inner })
}

/// The bound expressions that `parts` name, in their order.
fn used_bindings(parts: &[Part]) -> Vec<usize> {
    let bound = parts.iter().filter_map(|part| match part.root {
        Root::Bound(index) => Some(index),
        _ => None,
    });
    let mut used: Vec<usize> = bound.collect();
    used.sort_unstable();
    used.dedup();
    used
}

fn bound_name(index: usize) -> Ident {
    format_ident!("__cache_bound_{index}", span = Span::mixed_site())
}

/// `&id`, `&self.org.id`, `&HashPart(&filter)`. A parameter under `#[cfg]` leaves an empty value behind.
pub(super) fn part_value(rt: &Path, part: &Part) -> TokenStream {
    let (start, end) = (part.place.start(), part.place.end());
    let mut cfgs: &[Attribute] = &[];
    let root = match &part.root {
        Root::Name(ident, under) => {
            cfgs = under;
            at(ident.to_token_stream(), end)
        }
        Root::Bound(index) => at(bound_name(*index).to_token_stream(), end),
        Root::Return => at(super::local(RETURN).to_token_stream(), end),
        Root::SelfType => quote_spanned!(end=> ::core::any::type_name::<Self>()),
    };
    let fields = part.fields.iter().map(|name| field(name, end));
    let value = quote_spanned!(end=> #root #(.#fields)*);
    let value = if part.hash {
        let p = private(rt, start);
        quote_spanned!(start=> &#p::HashPart(&#value))
    } else {
        quote_spanned!(start=> &#value)
    };
    if cfgs.is_empty() {
        return value;
    }
    let conditions: Vec<TokenStream> = cfgs.iter().filter_map(condition).collect();
    quote! {
        #[cfg(all(#(#conditions),*))] #value,
        #[cfg(not(all(#(#conditions),*)))] &""
    }
}

/// `id` instead of `&id`, where `id` is a reference to a sized value.
pub(super) fn reference_value(rt: &Path, part: &Part) -> TokenStream {
    let (start, end) = (part.place.start(), part.place.end());
    match &part.root {
        Root::Name(ident, _) if part.hash => {
            let (p, ident) = (private(rt, start), at(ident.to_token_stream(), end));
            quote_spanned!(start=> &#p::HashPart(#ident))
        }
        Root::Name(ident, _) => at(ident.to_token_stream(), start),
        _ => part_value(rt, part),
    }
}

fn condition(cfg: &Attribute) -> Option<TokenStream> {
    match &cfg.meta {
        Meta::List(list) => Some(list.tokens.clone()),
        _ => None,
    }
}

fn field(name: &str, span: Span) -> TokenTree {
    if let Ok(index) = name.parse::<usize>() {
        let mut literal = Literal::usize_unsuffixed(index);
        literal.set_span(span);
        return literal.into();
    }
    let keyword = syn::parse_str::<Ident>(name).is_err();
    match keyword {
        true => Ident::new_raw(name, span).into(),
        false => Ident::new(name, span).into(),
    }
}
