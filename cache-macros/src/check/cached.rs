//! `#[cached]`: all mistakes at once, or the plan.

use proc_macro2::TokenStream;
use quote::ToTokens as _;
use syn::LitStr;

use crate::args;
use crate::diag::Diags;
use crate::item::Item;
use crate::messages;
use crate::plan::{Cached, Function, Lifetime, Local, Owed, Part, Parts, Root, Segment, Site, Template};
use crate::tokens::Place;

use super::bindings::Bindings;
use super::companion;
use super::coverage::{self, Skipped};
use super::function;
use super::options::{Given, Options};
use super::templates::{self, Checked, Scope};

const OPTIONS: [&str; 11] =
    ["key", "ttl", "tags", "skip", "bind", "negative_ttl", "local", "version", "codec", "cache", "crate"];

/// Checks `#[cached(args)] tokens`.
pub(crate) fn cached(args: TokenStream, tokens: TokenStream, diags: &mut Diags) -> Option<Cached> {
    let item = function::item(tokens, "cached", diags)?;
    let args = args::parse(args, diags);
    let (mut options, _) = Options::read(args, "cached", &OPTIONS, |_| false, diags);

    let mut bindings = Bindings::read(&mut options, &item, diags);
    let skipped = Skipped::read(&mut options, &item, &bindings, diags);
    let given_key = options.text("key", diags);
    let given_tags = options.texts("tags", diags).value().unwrap_or_default();
    let (parts, key, Tags { known, found }) =
        check_templates(given_key, &given_tags, &item, &mut bindings, &skipped, diags);

    let ttl = options.lifetime("ttl", diags);
    if matches!(ttl, Given::Absent) {
        diags.error(Place::attribute(), messages::ttl_missing(&item.name()));
    }
    let ttl = ttl.value();
    let negative_ttl = options.lifetime("negative_ttl", diags).value();
    let local = options.local(diags).value().unwrap_or(Local::Default);
    let version = options.version(diags).value();
    let codec = options.codec(diags).value();
    let cache = options.expr("cache", diags).value();
    let rt = options.runtime(diags);

    let shape = function::shape(&item, "cached", diags);
    if let Some((_, ret)) = &shape {
        function::cacheable(&item, ret, diags);
    }
    let (shape, ret) = shape?;
    let (key, ttl) = (key?, ttl?);

    let mut dynamic: Vec<TokenStream> = cache.iter().map(|cache| cache.to_token_stream()).collect();
    let lifetimes = [Some(&ttl), negative_ttl.as_ref(), local.lifetime()];
    for lifetime in lifetimes.into_iter().flatten() {
        if let Lifetime::Dynamic(value) = lifetime {
            dynamic.push(value.to_token_stream());
        }
    }
    let mut parts = parts;
    parts.bound = bindings.bound;
    let free = companion::is_free(&item);
    let companion = free.then(|| companion::companion_of(&item, &ret, &parts, &found, &dynamic, &skipped)).flatten();
    Some(Cached {
        function: Function { item, rt, shape, ret, named_ret: true },
        site: Site { key, tags: known, found, ttl, negative_ttl, local, version },
        parts,
        cache,
        codec,
        companion,
    })
}

/// The tag templates, by when they can be rendered.
struct Tags {
    /// From the arguments.
    known: Vec<Template>,
    /// From what is returned.
    found: Vec<Owed>,
}

fn check_templates(
    key: Given<LitStr>,
    tags: &[LitStr],
    item: &Item,
    bindings: &mut Bindings,
    skipped: &Skipped,
    diags: &mut Diags,
) -> (Parts, Option<Template>, Tags) {
    let mut parts = Parts::default();
    let mut scope = Scope { item, bindings, returned: false, diags };
    let key: Option<Checked> = match key {
        Given::Is(key, _) => Some(templates::check(&key, "key", &mut parts, &mut scope)),
        Given::Broken => None,
        Given::Absent => Some(default_key(item, skipped, &mut parts)),
    };
    scope.returned = true;
    let mut checked = Tags { known: Vec::new(), found: Vec::new() };
    for tag in tags {
        if templates::names_return(tag, &scope) {
            checked.found.push(templates::owed(tag, "tags", &mut scope));
        } else {
            checked.known.push(templates::check(tag, "tags", &mut parts, &mut scope).template);
        }
    }
    if let Some(key) = &key {
        skipped.check_key(key, diags);
        coverage::check(item, key, bindings, skipped, diags);
    }
    if !bindings.broken && key.is_some() {
        bindings.report_unused(diags);
    }
    (parts, key.map(|key| key.template), checked)
}

/// `crate::module::fn:{a}:{b}` over all parameters not skipped.
fn default_key(item: &Item, skipped: &Skipped, parts: &mut Parts) -> Checked {
    let mut template = Template { source: item.name(), segments: vec![Segment::Text(item.name())], in_module: true };
    let mut names = Vec::new();
    let mut add = |part: Part, written: &str| {
        template.source.push_str(&format!(":{{{written}}}"));
        template.segments.push(Segment::Text(":".to_owned()));
        template.segments.push(Segment::Part(parts.number(part)));
    };
    let part = |root, place| Part { root, fields: Vec::new(), hash: false, place };
    if companion::has_self_type(item) {
        add(part(Root::SelfType, Place::attribute()), "Self");
    }
    for param in &item.params {
        for name in &param.names {
            if !skipped.contains(&name.text) {
                let root = Root::Name(name.ident.clone(), param.cfgs.clone());
                add(part(root, param.place()), &name.text);
            }
            names.push(templates::Used { name: name.text.clone(), written: String::new() });
        }
    }
    names.retain(|used| !skipped.contains(&used.name));
    Checked { template, names, complete: true }
}

impl Local {
    fn lifetime(&self) -> Option<&Lifetime> {
        match self {
            Self::For(lifetime) => Some(lifetime),
            Self::Default | Self::Off => None,
        }
    }
}
