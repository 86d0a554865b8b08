//! The type of a cached function's name: `get_user::key(id)`, `get_user::invalidate(id)`.
//!
//! ```text
//! enum get_user {}
//! impl get_user {
//!     fn __cache_call(id: &u64) -> Call<'static> { { static SITE: ..; &SITE }.bind(&[id]) }
//!     pub fn key(id: u64) -> Key { Self::__cache_call(&id).into_key() }
//!     pub fn __cache_key(id: &u64) -> Key { Self::__cache_call(id).into_key() }
//!     pub fn invalidate(id: u64) -> Operation<()> { Self::__cache_call(&id).invalidate() }
//!     ..
//! }
//! ```
//!
//! Key and tags are rendered in one place, so that a type that cannot be part of a key is one error.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote_spanned};
use syn::{Expr, Pat, Type};

use crate::item::{Item, Name, allowed, cfgs};
use crate::plan::{Cached, Companion, Function, Parts, Root};
use crate::tokens::{located, may_wait, mentions};

use super::cached::{at_return, bound_call, finds, on_cache, options, witness};
use super::{data, generics, local, private, values};

/// The companion of a plan.
pub(super) fn for_cached(plan: &Cached, companion: &Companion) -> TokenStream {
    let span = Span::mixed_site();
    let p = private(&plan.function.rt, span);
    let methods = Methods::new(&plan.function, companion);
    let (site, site_function) = match methods.shares_call(plan) {
        true => (data::site(&plan.function, &plan.site, Some(&type_name(&plan.function.item))), TokenStream::new()),
        false => own_site(plan, &p),
    };
    let (owned, parts) = (methods.owned(&plan.parts), methods.parts(plan));
    let bound = values::with_values(
        &plan.parts.bound,
        &plan.parts.list,
        &parts,
        |values| quote_spanned!(span=> #site.bind(&[#(#values),*])),
    );
    let (angles, clause) = methods.generics(&methods.types);
    let references = &methods.references;
    let call = quote_spanned! {span=>
        #site_function
        #[doc(hidden)]
        fn __cache_call #angles (#(#references),*) -> #p::Call<'static> #clause { #owned #bound }
    };
    let (values, ids) = (&methods.by_reference, &methods.idents);
    let made = quote_spanned!(span=> Self::__cache_call(#(#values),*));
    let (on, options) = (on_cache(plan), options(plan));
    let (witness, value) = (witness(plan), local("__cache_put"));
    let bodies = Bodies {
        key: quote_spanned!(span=> #made.into_key()),
        key_of_references: quote_spanned!(span=> Self::__cache_call(#(#ids),*).into_key()),
        invalidate: quote_spanned!(span=> #made #on.invalidate()),
        peek: at_return(&plan.function, &quote_spanned!(span=> #made #on), &quote_spanned!(span=> peek(#witness))),
        put: match plan.site.found.is_empty() {
            true => at_return(
                &plan.function,
                &quote_spanned!(span=> #made #options),
                &quote_spanned!(span=> put(#witness, #value)),
            ),
            false => put_found(plan, &quote_spanned!(span=> #made #options), &methods.opened),
        },
    };
    methods.render(companion, &bodies, &call)
}

/// ```text
/// let mut call = Self::__cache_call(&id).owned();
/// let found = call.found();
/// let ret: Ret = StoredAs::stored_as(value);
/// if let Some(value) = (&&Returned(&ret)).value() { found.tag(0, &[&value.org]); }
/// call.put(Returns::<Ret>::new().load(), ret)
/// ```
fn put_found(plan: &Cached, made: &TokenStream, opened: &TokenStream) -> TokenStream {
    let span = Span::mixed_site();
    let p = private(&plan.function.rt, span);
    let (call, value, ret) = (local("__cache_call"), local("__cache_put"), local("__cache_return"));
    let (ty, witness) = (&plan.function.ret, witness(plan));
    let (before, after) = finds(plan, &ret);
    let names = plan.site.found.iter().flat_map(|owed| &owed.parts).any(|part| !matches!(part.root, Root::Return));
    let opened = names.then_some(opened);
    let put = at_return(&plan.function, &call.to_token_stream(), &quote_spanned!(span=> put(#witness, #ret)));
    quote_spanned! {span=>
        let mut #call = #made.owned();
        #opened
        #before
        let #ret: #ty = #p::StoredAs::stored_as(#value);
        #after
        #put
    }
}

/// The call of the function itself: made by the companion, or from the function's own values.
pub(super) fn call(plan: &Cached, companion: &Companion) -> TokenStream {
    let span = Span::mixed_site();
    let methods = Methods::new(&plan.function, companion);
    let name = type_name(&plan.function.item);
    if methods.shares_call(plan) {
        let values = &methods.by_reference;
        return quote_spanned!(span=> #name::__cache_call(#(#values),*));
    }
    bound_call(plan, &quote_spanned!(span=> #name::__cache_site()))
}

/// The statics in a function of their own, where two places need them.
fn own_site(plan: &Cached, p: &TokenStream) -> (TokenStream, TokenStream) {
    let span = Span::mixed_site();
    let site = data::site(&plan.function, &plan.site, Some(&type_name(&plan.function.item)));
    let function = quote_spanned! {span=>
        #[doc(hidden)]
        fn __cache_site() -> &'static #p::Site #site
    };
    (quote_spanned!(span=> Self::__cache_site()), function)
}

/// A companion that only type-checks, beside errors of its function: no further errors elsewhere.
pub(crate) fn companion(function: &Function, companion: &Companion) -> TokenStream {
    let span = Span::mixed_site();
    let methods = Methods::new(function, companion);
    let names = companion.params.iter().flat_map(|&index| &function.item.params[index].names);
    let used = names.map(|name| &name.ident);
    let never = quote_spanned!(span=> { let _ = (#(&#used,)*); ::std::process::abort() });
    let bodies = Bodies {
        key: never.clone(),
        key_of_references: never.clone(),
        invalidate: never.clone(),
        peek: never.clone(),
        put: never,
    };
    methods.render(companion, &bodies, &TokenStream::new())
}

/// The function's name, as a type: located at it, not linted as the user's.
fn type_name(item: &Item) -> Ident {
    let mut name = item.sig.ident.clone();
    name.set_span(located(name.span()));
    name
}

struct Bodies {
    key: TokenStream,
    key_of_references: TokenStream,
    /// Each of these makes an `Operation`.
    invalidate: TokenStream,
    peek: TokenStream,
    put: TokenStream,
}

/// What the signatures of all methods are made of.
struct Methods<'a> {
    function: &'a Function,
    /// Whether every parameter is a name: patterns leave no whole to pass on.
    simple: bool,
    /// As written, without `mut`; a pattern by a name of its own.
    params: Vec<TokenStream>,
    /// `&T` for each `T`.
    references: Vec<TokenStream>,
    /// The names as arguments for `references`.
    by_reference: Vec<TokenStream>,
    /// The names themselves.
    idents: Vec<TokenStream>,
    types: Vec<&'a Type>,
    /// `let (a, b) = pattern;`
    opened: TokenStream,
    /// The names that are references within `__cache_call`.
    by_value: Vec<&'a Name>,
}

impl<'a> Methods<'a> {
    fn new(function: &'a Function, companion: &Companion) -> Self {
        let span = Span::mixed_site();
        let mut methods = Self {
            function,
            simple: true,
            params: Vec::new(),
            references: Vec::new(),
            by_reference: Vec::new(),
            idents: Vec::new(),
            types: Vec::new(),
            opened: TokenStream::new(),
            by_value: Vec::new(),
        };
        for &index in &companion.params {
            let param = &function.item.params[index];
            let (Some(pat), Some((whole, ty))) = (param.quiet_pattern(), &param.typed) else {
                continue;
            };
            let cfgs = &param.cfgs;
            let name = match whole {
                Pat::Ident(one) if one.subpat.is_none() => one.ident.clone(),
                _ => {
                    let name = local(&format!("__cache_pattern_{index}"));
                    let unused = param.names.iter().map(|name| &name.ident);
                    methods.simple = false;
                    methods.opened.extend(quote_spanned! {span=>
                        #(#cfgs)* let #pat = #name;
                        #(#cfgs)* let _ = (#(&#unused,)*);
                    });
                    name
                }
            };
            methods.types.push(ty);
            methods.params.push(quote_spanned!(span=> #(#cfgs)* #name: #ty));
            methods.idents.push(quote_spanned!(span=> #(#cfgs)* #name));
            let (reference, argument) = match ty {
                Type::Reference(reference) => {
                    let (lifetime, inner) = (&reference.lifetime, &reference.elem);
                    (quote_spanned!(span=> &#lifetime #inner), quote_spanned!(span=> #name))
                }
                Type::ImplTrait(_) => (quote_spanned!(span=> &(#ty)), quote_spanned!(span=> &#name)),
                ty => (quote_spanned!(span=> &#ty), quote_spanned!(span=> &#name)),
            };
            if !matches!(ty, Type::Reference(_)) {
                methods.by_value.extend(&param.names);
            }
            methods.references.push(quote_spanned!(span=> #(#cfgs)* #name: #reference));
            methods.by_reference.push(quote_spanned!(span=> #(#cfgs)* #argument));
        }
        methods
    }

    /// Whether the function can make its call through references, as the companion does.
    fn shares_call(&self, plan: &Cached) -> bool {
        let bound = plan.parts.list.iter().any(|part| matches!(part.root, Root::Bound(_)));
        self.simple && !bound
    }

    fn generics(&self, types: &[&Type]) -> (TokenStream, TokenStream) {
        generics::needed(&self.function.item.sig.generics, types)
    }

    /// Patterns opened; and what bound expressions name, by value, since they are written for values.
    fn owned(&self, parts: &Parts) -> TokenStream {
        let bound = |part: &crate::plan::Part| match part.root {
            Root::Bound(index) => Some(&parts.bound[index].value),
            _ => None,
        };
        let values: Vec<&Expr> = parts.list.iter().filter_map(bound).collect();
        let mut owned = self.opened.clone();
        for name in &self.by_value {
            if values.iter().any(|value| mentions(value.to_token_stream(), &name.text)) {
                let ident = &name.ident;
                owned.extend(quote_spanned! {Span::mixed_site()=>
                    let #ident = ::core::clone::Clone::clone(#ident);
                });
            }
        }
        owned
    }

    /// The values, where parameters are references already: `id` for `&id`.
    fn parts(&self, plan: &Cached) -> Vec<TokenStream> {
        let rt = &plan.function.rt;
        let bound = plan.parts.list.iter().any(|part| matches!(part.root, Root::Bound(_)));
        let value = |part: &crate::plan::Part| match &part.root {
            Root::Name(ident, under) if !bound && under.is_empty() && part.fields.is_empty() => {
                let by_value = self.by_value.iter().any(|name| name.ident == *ident);
                match by_value {
                    true => values::reference_value(rt, part),
                    false => values::part_value(rt, part),
                }
            }
            _ => values::part_value(rt, part),
        };
        plan.parts.list.iter().map(value).collect()
    }

    fn render(&self, companion: &Companion, bodies: &Bodies, call: &TokenStream) -> TokenStream {
        let span = Span::mixed_site();
        let item = &self.function.item;
        let (name, vis, cfgs) = (type_name(item), &item.vis, cfgs(&item.attrs));
        let (at_name, allowed) = (located(item.sig.ident.span()), allowed(&item.attrs));
        let rt = &self.function.rt;
        let (params, references) = (&self.params, &self.references);
        let (angles, clause) = self.generics(&self.types);
        let title = format!("The cache entries of [`{name}()`].");
        let (key, of_references) = (&bodies.key, &bodies.key_of_references);
        let by_key = quote_spanned! {at_name=>
            /// The key of the entry for these arguments.
            pub fn key #angles (#(#params),*) -> #rt::Key #clause { #key }
            #[doc(hidden)]
            pub fn __cache_key #angles (#(#references),*) -> #rt::Key #clause { #of_references }
        };
        let full = companion.full.then(|| self.full(companion, bodies));
        quote_spanned! {span=>
            #(#cfgs)*
            #[doc = #title]
            #vis enum #name {}
            #(#cfgs)*
            #[allow(clippy::ptr_arg, clippy::ref_option_ref, clippy::too_many_arguments)]
            #(#[allow(#allowed)])*
            impl #name {
                #call
                #by_key
                #full
            }
        }
    }

    fn full(&self, companion: &Companion, bodies: &Bodies) -> TokenStream {
        let at_name = located(self.function.item.sig.ident.span());
        let (ret, value) = (&self.function.ret, &companion.value);
        let (p, put) = (private(&self.function.rt, at_name), local("__cache_put"));
        let params = &self.params;
        let (angles, clause) = self.generics(&self.types);
        let with_ret: Vec<&Type> = self.types.iter().copied().chain([ret]).collect();
        let (ret_angles, ret_clause) = self.generics(&with_ret);
        let nothing = quote_spanned!(at_name=> ());
        let invalidate = self.asks(
            &quote_spanned!(at_name=> invalidate #angles (#(#params),*)),
            &nothing,
            &clause,
            &bodies.invalidate,
        );
        let peek = self.asks(
            &quote_spanned!(at_name=> peek #ret_angles (#(#params),*)),
            &quote_spanned!(at_name=> ::core::option::Option<#value>),
            &ret_clause,
            &bodies.peek,
        );
        let put = companion.put.then(|| {
            let put = self.asks(
                &quote_spanned!(at_name=> put #ret_angles (#(#params,)* #put: impl #p::StoredAs<#ret>)),
                &nothing,
                &ret_clause,
                &bodies.put,
            );
            quote_spanned! {at_name=>
                /// Stores a value that is current.
                #put
            }
        });
        quote_spanned! {at_name=>
            /// Removes the entry for these arguments.
            #invalidate
            /// The stored value, if there is one; runs nothing.
            #peek
            #put
        }
    }

    /// A method that asks the cache. An `async fn` only where it has to be: the compiler takes three times as long for it.
    fn asks(
        &self,
        signature: &TokenStream,
        output: &TokenStream,
        clause: &TokenStream,
        body: &TokenStream,
    ) -> TokenStream {
        let at_name = located(self.function.item.sig.ident.span());
        let rt = &self.function.rt;
        if !may_wait(body) {
            return quote_spanned!(at_name=> pub fn #signature -> #rt::Operation<#output> #clause { #body });
        }
        let operation = local("__cache_operation");
        quote_spanned! {at_name=>
            pub async fn #signature -> ::core::result::Result<#output, #rt::Error> #clause {
                let #operation = { #body };
                #operation.await
            }
        }
    }
}
