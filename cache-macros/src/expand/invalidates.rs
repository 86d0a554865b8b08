//! The expansion of `#[invalidates]`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote_spanned};
use syn::ReturnType;

use crate::plan::{Fence, Function, Invalidates, Owed, Target};
use crate::tokens::{Place, located};

use super::{at, data, function, local, private, returned, values};

/// ```text
/// async fn rename_user(db: &Db, id: u64) -> Ret {
///     let mut pending = { static SITE: ..; registration; &SITE }.begin();
///     pending.tags(0, &[&id]);
///     pending.try_fence().await;
///     let ret = async move { return edge; body }.await;
///     if let Some(value) = (&&Returned(&ret)).value() { pending.tags(1, &[&value.id]); }
///     pending.finish(ok).await;
///     ret
/// }
/// ```
///
/// What the arguments say is told before the body, which may move them; `pending` delivers it also
/// when the future is dropped.
pub(crate) fn invalidates(plan: &Invalidates) -> TokenStream {
    let span = Span::mixed_site();
    let p = private(&plan.function.rt, span);
    let (pending, ret) = (local("__cache_pending"), local("__cache_return"));
    let mut told = Told::default();
    for (index, owed) in plan.tags.iter().enumerate() {
        told.template(plan, "tags", index, owed);
    }
    for (index, owed) in plan.keys.iter().enumerate() {
        told.template(plan, "keys", index, owed);
    }
    for (index, target) in plan.targets.iter().enumerate() {
        told.target(index, target);
    }
    let Told { before, after } = told;
    let after = returned::if_value(&plan.function.rt, &ret, &after);
    let ok = if plan.only_ok {
        quote_spanned! {span=> {
            use #p::{ReturnedOther as _, ReturnedResult as _};
            (&#p::Returned(&#ret)).is_ok()
        }}
    } else {
        quote_spanned!(span=> true)
    };
    let fence = fence(plan);
    let site = data::invalidation(plan);
    let on = plan.cache.as_ref().map(|cache| quote_spanned!(span=> .on(#cache)));
    let future = function::body_future(&plan.function);
    let ok_name = local("__cache_ok");
    function::with_statements(
        &plan.function,
        &quote_spanned! {span=>
            let mut #pending = #site.begin() #on;
            #before
            #fence
            let #ret = #future.await;
            #after
            let #ok_name = #ok;
            #pending.finish(#ok_name).await;
            #ret
        },
    )
}

/// ```text
/// pending.try_fence().await;
/// if let Err(error) = pending.require_fence().await { return <Ret as Refusable>::refuse(error); }
/// ```
fn fence(plan: &Invalidates) -> TokenStream {
    let span = Span::mixed_site();
    let (pending, error) = (local("__cache_pending"), local("__cache_error"));
    match plan.fence {
        Fence::Off => TokenStream::new(),
        Fence::Proceed => quote_spanned!(span=> #pending.try_fence().await;),
        Fence::Require => {
            let refuse = refuse(&plan.function);
            quote_spanned! {span=>
                if let ::core::result::Result::Err(#error) = #pending.require_fence().await {
                    return #refuse(#error);
                }
            }
        }
    }
}

/// `<Ret as Refusable>::refuse`, at the return type: where it is refused if it has no such error.
fn refuse(function: &Function) -> TokenStream {
    let ret = function.ret.to_token_stream();
    let (ret, place) = match &function.item.sig.output {
        ReturnType::Default => {
            let name = located(function.item.sig.ident.span());
            (at(ret, name), name)
        }
        ReturnType::Type(..) => (ret, Place::of(&function.ret).start()),
    };
    let p = private(&function.rt, place);
    match function.named_ret {
        true => quote_spanned!(place=> <#ret as #p::Refusable>::refuse),
        false => quote_spanned!(place=> #p::Refusable::refuse),
    }
}

/// The statements before and after the body.
#[derive(Default)]
struct Told {
    before: TokenStream,
    after: TokenStream,
}

impl Told {
    /// `pending.tags(0, &[&id]);`
    fn template(&mut self, plan: &Invalidates, method: &str, index: usize, owed: &Owed) {
        let span = Span::mixed_site();
        let rt = &plan.function.rt;
        let pending = local("__cache_pending");
        let number = u16::try_from(index).unwrap_or(u16::MAX);
        let method_name = local(method);
        if !owed.returned() {
            let tell = values::with_parts(
                rt,
                &plan.bound,
                &owed.parts,
                |values| quote_spanned!(span=> #pending.#method_name(#number, &[#(#values),*])),
            );
            self.before.extend(quote_spanned!(span=> #tell;));
            return;
        }
        let parts = returned::parts(rt, &plan.bound, method, index, owed, &mut self.before);
        self.after.extend(quote_spanned!(span=> #pending.#method_name(#number, &[#(#parts),*]);));
    }

    /// `pending.target(<get_user>::__cache_key(&(id)));`
    fn target(&mut self, index: usize, target: &Target) {
        let span = Span::mixed_site();
        let pending = local("__cache_pending");
        let returned = target.returned();
        let mut args = Vec::new();
        for (at, argument) in target.args.iter().enumerate() {
            let value = &argument.value;
            let place = Place::of(value);
            if !returned || argument.returned {
                args.push(quote_spanned!(place.start()=> &(#value)));
                continue;
            }
            // A method call, for its autoref: `name` and `&name` are both copied, `&str` to a `String`.
            let name = returned::rendered_name("target", index, at);
            self.before.extend(quote_spanned! {place.start()=>
                let #name = {
                    use ::std::borrow::ToOwned as _;
                    (#value).to_owned()
                };
            });
            args.push(quote_spanned!(place.start()=> &#name));
        }
        let (path, turbofish) = (&target.path, &target.turbofish);
        let method = Ident::new("__cache_key", target.place.end());
        let call = quote_spanned! {target.place.end()=>
            <#path>::#method #turbofish (#(#args),*)
        };
        let tell = quote_spanned!(span=> #pending.target(#call););
        match returned {
            true => self.after.extend(tell),
            false => self.before.extend(tell),
        }
    }
}
