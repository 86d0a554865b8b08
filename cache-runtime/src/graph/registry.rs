//! From what the linker collected to the graph.

use std::any::TypeId;

use super::{Edge, Function, Graph, Invalidation, Link, Place, Template};
use crate::site::{self, Fence, InvalidationSite, Site, Ttl};

/// The graph of these declarations, in an order that the linker has no say in.
pub(super) fn collect(sites: &[&'static Site], invalidations: &[&'static InvalidationSite]) -> Graph {
    let mut functions: Vec<(Function, Option<TypeId>)> = sites.iter().map(|site| function(site)).collect();
    functions.sort_by(|(a, _), (b, _)| a.place.cmp(&b.place));
    let mut invalidations: Vec<(Invalidation, &[site::Target])> =
        invalidations.iter().map(|site| invalidation(site)).collect();
    invalidations.sort_by(|(a, _), (b, _)| a.place.cmp(&b.place));

    let mut edges = Vec::new();
    for (from, (invalidation, targets)) in invalidations.iter().enumerate() {
        for (to, (function, companion)) in functions.iter().enumerate() {
            let named = targets.iter().filter(|(_, named)| named.is_some() && named == companion);
            let named = named.map(|(spelled, _)| Link::Target { target: (*spelled).to_owned() });
            let links = named.chain(links(invalidation, function));
            edges.extend(links.map(|link| Edge { invalidation: from, function: to, link }));
        }
    }
    Graph {
        functions: functions.into_iter().map(|(function, _)| function).collect(),
        invalidations: invalidations.into_iter().map(|(invalidation, _)| invalidation).collect(),
        edges,
    }
}

/// What templates join.
pub(super) fn links(invalidation: &Invalidation, function: &Function) -> impl Iterator<Item = Link> {
    let keys = invalidation.keys.iter().filter(|key| key.unifies(&function.key));
    let keys = keys.map(|key| Link::Key { invalidated: key.clone() });
    let pairs = invalidation.tags.iter().flat_map(|tag| function.tags.iter().map(move |carried| (tag, carried)));
    let tags = pairs.filter(|(tag, carried)| tag.unifies(carried));
    keys.chain(tags.map(|(tag, carried)| Link::Tag { invalidated: tag.clone(), carried: carried.clone() }))
}

fn function(site: &'static Site) -> (Function, Option<TypeId>) {
    let declared = &site.declaration;
    let function = Function {
        place: place(declared.function, declared.file, declared.line),
        key: declared.key.source.into(),
        tags: templates(declared.tags).chain(templates(declared.found)).collect(),
        ttl_ms: match declared.ttl {
            Ttl::Millis(millis) => Some(millis),
            Ttl::Dynamic => None,
        },
        value: declared.value.to_owned(),
    };
    (function, declared.companion)
}

fn invalidation(site: &'static InvalidationSite) -> (Invalidation, &'static [site::Target]) {
    let declared = &site.declaration;
    let invalidation = Invalidation {
        place: place(declared.function, declared.file, declared.line),
        tags: templates(declared.tags).collect(),
        keys: templates(declared.keys).collect(),
        targets: declared.targets.iter().map(|(spelled, _)| (*spelled).to_owned()).collect(),
        only_ok: declared.only_ok,
        fenced: declared.fence != Fence::Off,
    };
    (invalidation, declared.targets)
}

fn place(path: &str, file: &str, line: u32) -> Place {
    Place { path: path.to_owned(), file: file.to_owned(), line }
}

fn templates(declared: &'static [site::Template]) -> impl Iterator<Item = Template> {
    declared.iter().map(|template| template.source.into())
}
