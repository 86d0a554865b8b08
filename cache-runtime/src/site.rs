//! What a macro declares: the constant data of an annotated function, its counters, and its registration.

use std::any::TypeId;
use std::sync::OnceLock;
use std::time::Duration;

use linkme::distributed_slice;

use crate::Key;
use crate::ask::Lifetime;
use crate::codec::CacheCodec;
use crate::facts::{Facts, First, Kind};
use crate::key::{KeyWriter, Renderable};
#[cfg(feature = "metrics")]
use crate::metrics::Series;
use crate::stats::{Counters, Counts, Invalidated};
use crate::tally::Number;

/// One piece of a template.
#[derive(Debug)]
pub enum Segment {
    /// Literal text, with `%` already written as `%25`.
    Text(&'static str),
    /// The part of this number.
    Part(u16),
}

/// A key or tag template.
#[derive(Debug)]
pub struct Template {
    /// As the user wrote it.
    pub source: &'static str,
    /// What to render.
    pub segments: &'static [Segment],
}

impl Template {
    pub(crate) fn render(&self, parts: &(impl Renderable + ?Sized), out: &mut KeyWriter) {
        for segment in self.segments {
            match segment {
                Segment::Text(text) => out.raw(text),
                Segment::Part(index) => parts.write_part((*index).into(), out),
            }
        }
    }
}

/// A lifetime, as declared.
#[derive(Debug)]
pub enum Ttl {
    /// Known at compile time.
    Millis(u64),
    /// An expression, given with each call.
    Dynamic,
}

/// The lifetime of a function's entries in the in-process tier over Redis.
#[derive(Debug)]
pub enum Local {
    /// The cache's default.
    Default,
    /// Never in process.
    Off,
    /// At most so long.
    Millis(u64),
    /// An expression, given with each call.
    Dynamic,
}

/// All that is known of a cached function at compile time.
#[derive(Debug)]
pub struct Declaration {
    /// Module path and name.
    pub function: &'static str,
    /// Where it stands.
    pub file: &'static str,
    /// Where it stands.
    pub line: u32,
    /// The return type, as spelled.
    pub value: &'static str,
    /// The key template.
    pub key: Template,
    /// The tag templates.
    pub tags: &'static [Template],
    /// The tag templates that need the result.
    pub found: &'static [Template],
    /// How long values live.
    pub ttl: Ttl,
    /// How long a `None` lives; not stored without it.
    pub negative_ttl: Option<Ttl>,
    /// The in-process lifetime.
    pub local: Local,
    /// Bumped by the user to make older entries misses.
    pub version: u64,
    /// The type of the function's name, if it has one.
    pub companion: Option<TypeId>,
}

impl Declaration {
    /// What an expansion need not say.
    pub const DEFAULT: Self = Self {
        function: "",
        file: "",
        line: 0,
        value: "",
        key: Template { source: "", segments: &[] },
        tags: &[],
        found: &[],
        ttl: Ttl::Dynamic,
        negative_ttl: None,
        local: Local::Default,
        version: 0,
        companion: None,
    };

    /// As far as it is known at compile time; what is not is zero, or none.
    pub(crate) fn lifetime(&self) -> Lifetime {
        let known = |ttl: &Ttl| match ttl {
            Ttl::Millis(millis) => Some(Duration::from_millis(*millis)),
            Ttl::Dynamic => None,
        };
        let negative = self.negative_ttl.as_ref().and_then(known);
        Lifetime { ttl: known(&self.ttl).unwrap_or_default(), negative }
    }
}

/// The types of functions' names, told apart wherever they are named.
pub trait Companion: 'static {
    /// As declarations have it.
    const ID: Option<TypeId>;
}

impl<T: ?Sized + 'static> Companion for T {
    const ID: Option<TypeId> = Some(TypeId::of::<T>());
}

/// A cached function: its declaration and its counters.
#[derive(Debug)]
pub struct Site {
    pub(crate) declaration: Declaration,
    pub(crate) counters: Counters,
    #[cfg(feature = "metrics")]
    pub(crate) series: Series,
    /// None until it is called.
    pub(crate) number: Number,
    facts: OnceLock<First>,
}

impl Site {
    /// For a `static`.
    pub const fn new(declaration: Declaration) -> Self {
        Self {
            declaration,
            counters: Counters::new(),
            #[cfg(feature = "metrics")]
            series: Series::new(),
            number: Number::none(),
            facts: OnceLock::new(),
        }
    }

    /// What is known of the type that a call answers with.
    #[inline]
    pub(crate) fn facts(&self, kind: &'static Kind, cache: CacheCodec) -> &'static Facts {
        First::facts(&self.facts, kind, cache, self.declaration.version)
    }

    /// The shape of the entries that it reads, once it was called.
    #[cfg(feature = "inspect")]
    pub(crate) fn shape(&self) -> Option<u64> {
        self.facts.get().map(First::shape)
    }

    /// What was counted so far.
    pub(crate) fn counts(&self) -> Counts {
        let mut counts = self.counters.read();
        let hits = self.number.hits();
        counts.local_hits += hits.all;
        counts.negative_hits += hits.negative;
        counts.redis_hits += hits.server;
        counts.bytes_read += hits.bytes;
        counts
    }

    /// The key and the tags of a call.
    pub(crate) fn render(&self, parts: &(impl Renderable + ?Sized)) -> Key {
        let mut key = Key::start(self.declaration.version, |out| self.declaration.key.render(parts, out));
        for tag in self.declaration.tags {
            key.push(|out| tag.render(parts, out));
        }
        key
    }
}

/// Every cached function of the program.
#[distributed_slice]
pub static SITES: [&'static Site];

/// Whether what an invalidation names is fenced while the body runs: read past, not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fence {
    /// It is not.
    Off,
    /// `fence`: where it cannot be, the body runs all the same.
    Proceed,
    /// `fence = "require"`: where it cannot be, the body does not run.
    Require,
}

/// All that is known of an invalidating function at compile time.
#[derive(Debug)]
pub struct InvalidationDeclaration {
    /// Module path and name.
    pub function: &'static str,
    /// Where it stands.
    pub file: &'static str,
    /// Where it stands.
    pub line: u32,
    /// The tag templates.
    pub tags: &'static [Template],
    /// The key templates.
    pub keys: &'static [Template],
    /// The typed targets.
    pub targets: &'static [Target],
    /// `on = "ok"`: not after an `Err`.
    pub only_ok: bool,
    /// What the arguments name is fenced before the body.
    pub fence: Fence,
}

impl InvalidationDeclaration {
    /// What an expansion need not say.
    pub const DEFAULT: Self =
        Self { function: "", file: "", line: 0, tags: &[], keys: &[], targets: &[], only_ok: false, fence: Fence::Off };
}

/// A typed target, as spelled, `get_user(id)`, and the [`Companion::ID`] of the type that it names.
pub(crate) type Target = (&'static str, Option<TypeId>);

/// An invalidating function.
#[derive(Debug)]
pub struct InvalidationSite {
    pub(crate) declaration: InvalidationDeclaration,
    pub(crate) invalidated: Invalidated,
}

impl InvalidationSite {
    /// For a `static`.
    pub const fn new(declaration: InvalidationDeclaration) -> Self {
        Self { declaration, invalidated: Invalidated::new() }
    }
}

/// Every invalidating function of the program.
#[distributed_slice]
pub static INVALIDATION_SITES: [&'static InvalidationSite];
