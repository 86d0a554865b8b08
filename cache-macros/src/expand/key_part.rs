//! The expansion of `#[derive(KeyPart)]`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote_spanned};
use syn::ext::IdentExt as _;
use syn::{Member, Type, WherePredicate, parse_quote};

use crate::plan::{KeyPart, KeyParts};
use crate::tokens::{Place, mentions};

use super::local;

/// ```text
/// impl KeyPart for UserId { fn write(&self, out: &mut KeyWriter) { KeyPart::write(&self.0, out); } }
/// ```
pub(crate) fn key_part(plan: &KeyPart) -> TokenStream {
    let span = Span::mixed_site();
    let (ident, rt, out) = (&plan.ident, &plan.rt, local("out"));
    let mut generics = plan.generics.clone();
    let body = match &plan.parts {
        KeyParts::Fields(fields) => {
            let own: Vec<String> = plan.generics.type_params().map(|param| param.ident.to_string()).collect();
            let generic = |ty: &&Type| own.iter().any(|name| mentions(ty.to_token_stream(), name));
            let bounds = fields
                .iter()
                .map(|(_, ty)| ty)
                .filter(generic)
                .map(|ty| -> WherePredicate { parse_quote!(#ty: #rt::KeyPart) });
            let bounds: Vec<WherePredicate> = bounds.collect();
            if !bounds.is_empty() {
                generics.make_where_clause().predicates.extend(bounds);
            }
            fields_body(plan, fields)
        }
        KeyParts::Variants(variants) => {
            let arms = variants.iter().map(|variant| {
                let name = variant.unraw().to_string();
                quote_spanned!(span=> Self::#variant => #name,)
            });
            match variants.as_slice() {
                [] => quote_spanned!(span=> let _ = #out;),
                _ => quote_spanned!(span=> #out.text(match self { #(#arms)* });),
            }
        }
    };
    let (impl_generics, type_generics, clause) = generics.split_for_impl();
    quote_spanned! {span=>
        #[automatically_derived]
        impl #impl_generics #rt::KeyPart for #ident #type_generics #clause {
            fn write(&self, #out: &mut #rt::KeyWriter) {
                #body
            }
        }
    }
}

fn fields_body(plan: &KeyPart, fields: &[(Member, Type)]) -> TokenStream {
    let span = Span::mixed_site();
    let (rt, out) = (&plan.rt, local("out"));
    if fields.is_empty() {
        return quote_spanned!(span=> let _ = #out;);
    }
    let mut body = TokenStream::new();
    for (index, (member, ty)) in fields.iter().enumerate() {
        if index > 0 {
            body.extend(quote_spanned!(span=> #out.separator();));
        }
        let place = Place::of(ty);
        let member = member.clone();
        let call = quote_spanned!(place.start()=> <#ty as #rt::KeyPart>::write);
        body.extend(quote_spanned!(span=> #call(&self.#member, #out);));
    }
    body
}
