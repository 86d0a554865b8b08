//! The expansion of `#[cached]`: data and one call.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote_spanned};

use crate::check::owned_value;
use crate::plan::{Cached, Function, Lifetime, Local};
use crate::tokens::{Place, located};

use super::{at, companion, data, function, local, private, returned, values};

/// ```text
/// async fn get_user(db: &Db, id: u64) -> Ret {
///     let call = match { static SITE: Site = ..; registration; &SITE }.bind(&[&id]).kept(Returns::<Ret>::new().load()) {
///         Break(kept) => return kept,
///         Continue(call) => call,
///     };
///     let body = pin!(async move { return edge; body });
///     call.load(body).await
/// }
/// ```
pub(crate) fn cached(plan: &Cached) -> TokenStream {
    let span = Span::mixed_site();
    let (call, body) = (local("__cache_call"), local("__cache_body"));
    let companion = plan.companion.as_ref();
    let bound = match companion {
        Some(companion) => companion::call(plan, companion),
        None => bound_call(plan, &data::site(&plan.function, &plan.site, None)),
    };
    let options = options(plan);
    let future = function::body_future(&plan.function);
    let (before, after) = around_body(plan, &body);
    let mutable = (!plan.site.found.is_empty()).then(|| quote_spanned!(span=> mut));
    let witness = witness(plan);
    let kept = local("__cache_kept");
    let look =
        at_return(&plan.function, &quote_spanned!(span=> #bound #options), &quote_spanned!(span=> kept(#witness)));
    let load = at_return(&plan.function, &call.to_token_stream(), &quote_spanned!(span=> load(#body)));
    let function = function::with_statements(
        &plan.function,
        &quote_spanned! {span=>
            let #mutable #call = match #look {
                ::core::ops::ControlFlow::Break(#kept) => return #kept,
                ::core::ops::ControlFlow::Continue(#call) => #call,
            };
            #before
            let #body = ::core::pin::pin!(#future);
            #after
            #load.await
        },
    );
    let companion = companion.map(|companion| companion::for_cached(plan, companion));
    quote_spanned!(span=> #function #companion)
}

/// The statements before and after the body's own future is pinned, for tags that name what is returned:
///
/// ```text
/// let found = call.found();
/// let found_0_0 = Rendered::new(&id);
/// let body = pin!(async move { return edge; body });
/// let body = pin!(async move {
///     let ret: Ret = body.await;
///     if let Some(value) = (&&Returned(&ret)).value() { found.tag(0, &[&found_0_0, &value.org]); }
///     ret
/// });
/// ```
///
/// The inner future is awaited where it is pinned: moved into the other, it would be there twice.
fn around_body(plan: &Cached, body: &Ident) -> (TokenStream, TokenStream) {
    if plan.site.found.is_empty() {
        return (TokenStream::new(), TokenStream::new());
    }
    let span = Span::mixed_site();
    let (ret, ty) = (local("__cache_return"), &plan.function.ret);
    let (before, after) = finds(plan, &ret);
    let place = ret_place(&plan.function);
    let awaited = at(quote_spanned!(place=> #body.await), place);
    let after = quote_spanned! {span=>
        let #body = ::core::pin::pin!(async move {
            let #ret: #ty = #awaited;
            #after
            #ret
        });
    };
    (before, after)
}

/// What is to be done before `ret` is there, and what with it, so that `call` knows all tags.
pub(super) fn finds(plan: &Cached, ret: &Ident) -> (TokenStream, TokenStream) {
    let span = Span::mixed_site();
    let (call, found) = (local("__cache_call"), local("__cache_found"));
    let rt = &plan.function.rt;
    let mut before = quote_spanned!(span=> let #found = #call.found(););
    let mut tell = TokenStream::new();
    for (index, owed) in plan.site.found.iter().enumerate() {
        let number = u16::try_from(index).unwrap_or(u16::MAX);
        let parts = returned::parts(rt, &plan.parts.bound, "found", index, owed, &mut before);
        tell.extend(quote_spanned!(span=> #found.tag(#number, &[#(#parts),*]);));
    }
    (before, returned::if_value(rt, ret, &tell))
}

/// `site.bind(&[..])`
pub(super) fn bound_call(plan: &Cached, site: &TokenStream) -> TokenStream {
    let parts = &plan.parts;
    values::with_parts(
        &plan.function.rt,
        &parts.bound,
        &parts.list,
        |values| quote_spanned!(Span::mixed_site()=> #site.bind(&[#(#values),*])),
    )
}

/// `.on(cache).ttl(expr)`: what is only known at the call.
pub(super) fn options(plan: &Cached) -> TokenStream {
    let span = Span::mixed_site();
    let mut options = on_cache(plan);
    let mut add = |method: &str, lifetime: Option<&Lifetime>| {
        if let Some(Lifetime::Dynamic(value)) = lifetime {
            let (method, typed) = (local(method), local("__cache_duration"));
            options.extend(quote_spanned! {span=>
                .#method({ let #typed: ::core::time::Duration = #value; #typed })
            });
        }
    };
    add("ttl", Some(&plan.site.ttl));
    add("negative_ttl", plan.site.negative_ttl.as_ref());
    if let Local::For(lifetime) = &plan.site.local {
        add("local", Some(lifetime));
    }
    options
}

/// `.on(cache)`
pub(super) fn on_cache(plan: &Cached) -> TokenStream {
    let on = |cache| quote_spanned!(Span::mixed_site()=> .on(#cache));
    plan.cache.as_ref().map(on).unwrap_or_default()
}

/// What the return type is, decided by the type checker.
///
/// ```text
/// { use LoadFallible as _; use LoadPlain as _; use NotCopied as _; Returns::<Ret>::new().load().codec::<Codec>().copied() }
/// ```
pub(super) fn witness(plan: &Cached) -> TokenStream {
    let span = ret_place(&plan.function);
    let ret = &plan.function.ret;
    let p = private(&plan.function.rt, span);
    let codec = plan.codec.as_ref().map(|codec| {
        let end = Place::of(codec).end();
        quote_spanned!(end=> .codec::<#codec>())
    });
    quote_spanned! {span=> {
        use #p::{LoadFallible as _, LoadPlain as _, NotCopied as _};
        #p::Returns::<#ret>::new().load() #codec .copied()
    }}
}

/// `receiver.method(..)`, located at the return type: where it is refused if it cannot be cached.
pub(super) fn at_return(function: &Function, receiver: &TokenStream, method: &TokenStream) -> TokenStream {
    let place = ret_place(function);
    let (receiver, method) = (at(receiver.clone(), place), at(method.clone(), place));
    quote_spanned!(place=> #receiver.#method)
}

/// The value's type within the return type, or the name of a function without one.
fn ret_place(function: &Function) -> Span {
    match &function.item.sig.output {
        syn::ReturnType::Default => located(function.item.sig.ident.span()),
        syn::ReturnType::Type(..) => Place::of(&owned_value(&function.ret)).start(),
    }
}
