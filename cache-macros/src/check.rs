//! What the arguments mean for this function: collects every mistake, or answers a plan.

mod bindings;
mod cached;
mod companion;
mod coverage;
mod function;
mod invalidates;
mod key_part;
mod options;
mod returns;
mod targets;
mod templates;

pub(crate) use cached::cached;
pub(crate) use companion::{is_free, owned_value};
pub(crate) use invalidates::invalidates;
pub(crate) use key_part::key_part;

/// How a function is asynchronous and what it resolves to, errors ignored.
pub(crate) fn shape_of(item: &crate::item::Item) -> Option<(crate::plan::Shape, syn::Type)> {
    let ret = returns::spelled(&item.sig.output);
    let shape = match item.sig.asyncness {
        Some(_) => Some((crate::plan::Shape::Async, ret)),
        None => returns::future(&ret),
    };
    shape.filter(|(_, ret)| function::has_name(ret) && returns::borrowed(ret).is_none())
}
