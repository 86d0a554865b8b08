//! The constant part: what is declared, as statics.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt as _;

use crate::plan::{Fence, Function, Invalidates, Lifetime, Local, Segment, Site, Target, Template};
use crate::tokens::spell;

use super::{local, private};

/// `{ static SITE: Site = ..; registration; &SITE }`: no name of it is visible to the body.
pub(super) fn site(function: &Function, site: &Site, companion: Option<&Ident>) -> TokenStream {
    let span = Span::mixed_site();
    let p = private(&function.rt, span);
    let place = place(function);
    let value = spell(&function.ret);
    let key = template(&p, &site.key);
    let mut fields = quote_spanned!(span=> value: #value, key: #key,);
    if !site.tags.is_empty() {
        let tags = site.tags.iter().map(|tag| template(&p, tag));
        fields.extend(quote_spanned!(span=> tags: &[#(#tags),*],));
    }
    if !site.found.is_empty() {
        let found = site.found.iter().map(|owed| template(&p, &owed.template));
        fields.extend(quote_spanned!(span=> found: &[#(#found),*],));
    }
    let ttl = lifetime(&p, &site.ttl);
    fields.extend(quote_spanned!(span=> ttl: #ttl,));
    if let Some(negative) = &site.negative_ttl {
        let ttl = lifetime(&p, negative);
        fields.extend(quote_spanned!(span=> negative_ttl: ::core::option::Option::Some(#ttl),));
    }
    match &site.local {
        Local::Default => {}
        Local::Off => fields.extend(quote_spanned!(span=> local: #p::Local::Off,)),
        Local::For(Lifetime::Millis(ms)) => {
            fields.extend(quote_spanned!(span=> local: #p::Local::Millis(#ms),));
        }
        Local::For(Lifetime::Dynamic(_)) => {
            fields.extend(quote_spanned!(span=> local: #p::Local::Dynamic,));
        }
    }
    if let Some(version) = site.version {
        fields.extend(quote_spanned!(span=> version: #version,));
    }
    if let Some(name) = companion {
        fields.extend(quote_spanned!(span=> companion: <#name as #p::Companion>::ID,));
    }
    quote_spanned! {span=> {
        static SITE: #p::Site = #p::Site::new(#p::Declaration {
            #place
            #fields
            ..#p::Declaration::DEFAULT
        });
        #[#p::linkme::distributed_slice(#p::SITES)]
        #[linkme(crate = #p::linkme)]
        static ENTRY: &#p::Site = &SITE;
        &SITE
    }}
}

/// Likewise for `#[invalidates]`.
pub(super) fn invalidation(plan: &Invalidates) -> TokenStream {
    let span = Span::mixed_site();
    let p = private(&plan.function.rt, span);
    let place = place(&plan.function);
    let mut fields = TokenStream::new();
    for (name, templates) in [("tags", &plan.tags), ("keys", &plan.keys)] {
        if !templates.is_empty() {
            let (name, templates) = (local(name), templates.iter().map(|owed| template(&p, &owed.template)));
            fields.extend(quote_spanned!(span=> #name: &[#(#templates),*],));
        }
    }
    if !plan.targets.is_empty() {
        let targets = plan.targets.iter().map(|target| self::target(&p, target));
        fields.extend(quote_spanned!(span=> targets: &[#(#targets),*],));
    }
    if plan.only_ok {
        fields.extend(quote_spanned!(span=> only_ok: true,));
    }
    match plan.fence {
        Fence::Off => {}
        Fence::Proceed => fields.extend(quote_spanned!(span=> fence: #p::Fence::Proceed,)),
        Fence::Require => fields.extend(quote_spanned!(span=> fence: #p::Fence::Require,)),
    }
    quote_spanned! {span=> {
        static SITE: #p::InvalidationSite = #p::InvalidationSite::new(#p::InvalidationDeclaration {
            #place
            #fields
            ..#p::InvalidationDeclaration::DEFAULT
        });
        #[#p::linkme::distributed_slice(#p::INVALIDATION_SITES)]
        #[linkme(crate = #p::linkme)]
        static ENTRY: &#p::InvalidationSite = &SITE;
        &SITE
    }}
}

/// A typed target, with the type that says which function is meant: no path is resolved here.
fn target(p: &TokenStream, target: &Target) -> TokenStream {
    let (spelled, path) = (&target.spelled, &target.path);
    // As `Self` of a trait: what is no type is one error, where a generic argument would make another.
    quote_spanned!(Span::mixed_site()=> (#spelled, <#path as #p::Companion>::ID))
}

fn place(function: &Function) -> TokenStream {
    let name = in_module(&function.item.sig.ident.unraw().to_string());
    quote_spanned! {Span::mixed_site()=>
        function: #name,
        file: ::core::file!(),
        line: ::core::line!(),
    }
}

fn in_module(text: &str) -> TokenStream {
    let text = format!("::{text}");
    quote_spanned!(Span::mixed_site()=> ::core::concat!(::core::module_path!(), #text))
}

fn template(p: &TokenStream, template: &Template) -> TokenStream {
    let mut first = template.in_module;
    let segments = template.segments.iter().map(|segment| match segment {
        Segment::Text(text) => {
            let text = match std::mem::take(&mut first) {
                true => in_module(text),
                false => quote!(#text),
            };
            quote_spanned!(Span::mixed_site()=> #p::Segment::Text(#text))
        }
        Segment::Part(number) => quote_spanned!(Span::mixed_site()=> #p::Segment::Part(#number)),
    });
    let segments: Vec<TokenStream> = segments.collect();
    let source = match (&template.source, template.in_module) {
        (source, true) => in_module(source),
        (source, false) => quote!(#source),
    };
    quote_spanned! {Span::mixed_site()=>
        #p::Template { source: #source, segments: &[#(#segments),*] }
    }
}

fn lifetime(p: &TokenStream, lifetime: &Lifetime) -> TokenStream {
    match lifetime {
        Lifetime::Millis(ms) => quote_spanned!(Span::mixed_site()=> #p::Ttl::Millis(#ms)),
        Lifetime::Dynamic(_) => quote_spanned!(Span::mixed_site()=> #p::Ttl::Dynamic),
    }
}
