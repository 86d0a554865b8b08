//! A bound call of a cached function, as the macro makes it, and the operations of its companion.

use std::ops::ControlFlow;
use std::time::Duration;

use crate::ask::{Ask, Counted, Lifetime};
use crate::context::{self, Context, Mode};
use crate::core::Store;
use crate::facts::Kind;
use crate::flight::Shared;
use crate::found::FoundTags;
use crate::invalidate::{self, Targets};
use crate::key::{KeyPart, Parts};
use crate::local::{Called, LocalEntry, LocalStore};
use crate::metrics;
use crate::missed::Missed;
use crate::observation::Source;
use crate::operation::Operation;
use crate::outcome::{Load, Peeked, Plain, StoredAs};
use crate::site::{Local, SITES, Site};
use crate::stats::add;
use crate::{Cache, Error, Key, span};

/// A call that has taken in what its key and tags are made of; nothing of the arguments is borrowed any more.
///
/// It is large, and so it stays where it is made.
pub struct Call<'c> {
    site: &'static Site,
    parts: Parts,
    /// The key, where `parts` has no room for the parts.
    key: Option<Key>,
    cache: Option<Chosen<'c>>,
    ttl: Option<Duration>,
    negative_ttl: Option<Duration>,
    local_expr: Option<Duration>,
    found: Option<FoundTags>,
}

/// Another cache than the installed one. A hit does not count itself among those who hold it: callers on several threads would
/// fight for the count.
enum Chosen<'c> {
    Borrowed(&'c Cache),
    Owned(Cache),
}

impl Chosen<'_> {
    fn get(&self) -> &Cache {
        match self {
            Self::Borrowed(cache) => cache,
            Self::Owned(cache) => cache,
        }
    }
}

impl Site {
    /// Takes in the parts of the key and of the tags.
    #[inline(always)]
    pub fn bind(&'static self, parts: &[&dyn KeyPart]) -> Call<'static> {
        if self.number.is_none() {
            self.first_call();
        }
        let mut call = Call {
            site: self,
            parts: Parts::new(),
            key: None,
            cache: None,
            ttl: None,
            negative_ttl: None,
            local_expr: None,
            found: None,
        };
        // In its place: it is large.
        if !call.parts.take(parts) {
            call.key = Some(self.render(parts));
        }
        call
    }
}

impl Site {
    #[cold]
    fn first_call(&'static self) {
        if self.number.take() {
            self.warn_of_twins();
        }
    }

    /// Two functions on one key template read each other's entries; if their types agree, silently.
    fn warn_of_twins(&'static self) {
        let twin =
            |site: &&&Site| !std::ptr::eq(**site, self) && site.declaration.key.source == self.declaration.key.source;
        if let Some(twin) = SITES.iter().find(twin) {
            tracing::warn!(
                function = self.declaration.function,
                other = twin.declaration.function,
                key = self.declaration.key.source,
                "two cached functions share a key template; give one of them another key"
            );
        }
    }
}

impl<'c> Call<'c> {
    /// Another cache than the installed one.
    #[inline]
    pub fn on(&mut self, cache: &'c Cache) -> &mut Self {
        self.cache = Some(Chosen::Borrowed(cache));
        self
    }

    /// What was given so far, borrowing nothing.
    #[cold]
    pub fn owned(&mut self) -> Call<'static> {
        let Self { site, parts, key, cache, ttl, negative_ttl, local_expr, found } = self;
        let cache = cache.as_ref().map(|cache| Chosen::Owned(cache.get().clone()));
        Call {
            site,
            parts: parts.clone(),
            key: key.take(),
            cache,
            ttl: *ttl,
            negative_ttl: *negative_ttl,
            local_expr: *local_expr,
            found: found.take(),
        }
    }

    /// The value of a `ttl` expression.
    #[inline]
    pub fn ttl(&mut self, ttl: Duration) -> &mut Self {
        self.ttl = Some(ttl);
        self
    }

    /// The value of a `negative_ttl` expression.
    #[inline]
    pub fn negative_ttl(&mut self, ttl: Duration) -> &mut Self {
        self.negative_ttl = Some(ttl);
        self
    }

    /// The value of a `local` expression.
    #[inline]
    pub fn local(&mut self, ttl: Duration) -> &mut Self {
        self.local_expr = Some(ttl);
        self
    }

    /// Where the tags are told that the result names.
    pub fn found(&mut self) -> FoundTags {
        self.found.get_or_insert_with(|| FoundTags::new(self.site)).clone()
    }

    /// The key alone.
    pub fn into_key(self) -> Key {
        self.key.unwrap_or_else(|| self.site.render(&self.parts))
    }

    /// Whose call it is.
    pub(crate) fn site(&self) -> &'static Site {
        self.site
    }

    /// The key; rendered here and now, if it is not yet, and then kept in `rendered`.
    pub(crate) fn key<'a>(&'a self, rendered: &'a mut Option<Key>) -> &'a Key {
        match &self.key {
            Some(key) => key,
            None => rendered.get_or_insert_with(|| self.site.render(&self.parts)),
        }
    }

    pub(crate) fn ask<'a>(&'a self, cache: &'a Cache, key: &'a Key) -> Ask<'a> {
        let declared = self.site.declaration.lifetime();
        let steer = cache.core().steering.of_call(self.site, key);
        Ask {
            core: cache.core(),
            key,
            lifetime: steer.lifetime(Lifetime {
                ttl: self.ttl.unwrap_or(declared.ttl),
                negative: self.negative_ttl.or(declared.negative),
            }),
            steer,
            local: steer.local(self.local_lifetime(cache)),
            found: self.found.as_ref(),
            counters: Counted::Site(self.site),
            name: self.site.declaration.function,
        }
    }

    /// How long entries may be kept in process over Redis; `None`: not at all.
    fn local_lifetime(&self, cache: &Cache) -> Option<Duration> {
        match self.site.declaration.local {
            Local::Off => None,
            Local::Default => Some(cache.core().config.local_ttl),
            Local::Millis(millis) => Some(Duration::from_millis(millis)),
            Local::Dynamic => self.local_expr,
        }
    }

    /// The cache that is meant, unless the call is for the long way: nobody wants to know how it was answered, and no
    /// operator has anything to say about what is kept in process.
    #[inline]
    pub(crate) fn plain<'a>(&'a self, context: Option<&'a Context>) -> Option<&'a Cache> {
        if context.is_some_and(|context| context.mode != Mode::Normal || context.observer.is_some()) {
            return None;
        }
        Some(self.cache(context)).filter(|cache| !cache.core().steering.diverts(self.site))
    }

    #[inline]
    pub(crate) fn cache<'a>(&'a self, context: Option<&'a Context>) -> &'a Cache {
        let chosen = || self.cache.as_ref().map(Chosen::get);
        let within = || context.and_then(|context| context.cache.as_ref());
        chosen().or_else(within).unwrap_or_else(|| Cache::installed())
    }

    fn cache_of_task(&self) -> Cache {
        self.cache.as_ref().map_or_else(Cache::current, |chosen| chosen.get().clone())
    }

    /// Where this function's entries are kept in process, if they are.
    #[inline]
    pub(crate) fn tier<'a>(&self, cache: &'a Cache) -> Option<&'a LocalStore> {
        match &cache.core().store {
            Store::Local(store) => Some(store),
            Store::Redis(remote) => {
                self.local_lifetime(cache).filter(|lifetime| !lifetime.is_zero())?;
                remote.server.local.as_deref()
            }
            Store::Off => None,
        }
    }

    /// The answer, if this thread knows of it: what most calls are, without a future, a handle that is shared, or a count
    /// that is. Otherwise what is left to do.
    #[inline]
    pub fn kept<L: Load>(&mut self, _kind: L) -> ControlFlow<L::Return, Missed<L>> {
        let mut kept = None;
        // Somebody may want a span of it.
        if !span::are_heard() {
            self.look(Kind::of::<L>(), &mut |value| {
                kept = L::taken(value);
                kept.is_some()
            });
        }
        match kept {
            Some(value) => ControlFlow::Break(L::close(Ok(value))),
            None => ControlFlow::Continue(Missed::new(self.owned())),
        }
    }

    /// Hands out what this thread knows of and stands. `take` says whether the value was of its type. False where there was
    /// nothing to hand out.
    pub(crate) fn look(&self, kind: &'static Kind, take: &mut dyn FnMut(&Shared) -> bool) -> bool {
        let context = context::current();
        if self.key.is_none()
            && let Some((store, shape)) = self.tier_for(kind, context.as_deref())
        {
            let called = Called::new(self.site, &self.parts);
            let taken = store.hit_in_front(&called, shape, |value, negative| take(value).then_some(negative));
            self.count(taken);
            return taken.is_some();
        }
        false
    }

    /// Hands out what stands under `key` in this process. This thread then knows of it.
    pub(crate) fn look_in_store(&self, kind: &'static Kind, key: &Key, take: &mut dyn FnMut(&Shared) -> bool) {
        let context = context::current();
        if let Some((store, shape)) = self.tier_for(kind, context.as_deref()) {
            let called = self.key.is_none().then(|| Called::new(self.site, &self.parts));
            let take = |value: &Shared, entry: &LocalEntry| {
                let taken = take(value).then_some(entry.negative);
                // Of what this thread does not know itself, and of that one call in so many.
                if taken.is_some() && metrics::is_recorded() {
                    metrics::hit(Counted::Site(self.site), Source::Local, || entry.stored_at.elapsed());
                }
                taken
            };
            self.count(store.hit(called.as_ref(), key, shape, take, &kind.forms));
        }
    }

    /// Where values of this kind are kept in process, and of which shape, unless the call is for the long way.
    #[inline(always)]
    fn tier_for<'a>(&'a self, kind: &'static Kind, context: Option<&'a Context>) -> Option<(&'a LocalStore, u64)> {
        let cache = self.plain(context)?;
        let store = self.tier(cache)?;
        let facts = self.site.facts(kind, cache.core().config.codec);
        let unfit = facts.is_unfit() && matches!(cache.core().store, Store::Redis(_));
        (!unfit).then_some((store, facts.shape))
    }

    /// A hit, if it was one: that of a `None`, or not.
    #[inline]
    fn count(&self, hit: Option<bool>) {
        if let Some(negative) = hit
            && !self.site.number.hit(negative)
        {
            add(&self.site.counters.local_hits);
            if negative {
                add(&self.site.counters.negative_hits);
            }
        }
    }

    /// Invalidates the entry of this call.
    pub fn invalidate(&mut self) -> Operation<()> {
        let call = self.owned();
        Operation::new(async move {
            let cache = call.cache_of_task();
            let targets = Targets { keys: vec![call.key(&mut None).clone()], ..Targets::default() };
            invalidate::invalidate(cache.core(), targets).await.map(drop)
        })
    }

    /// The cached value, if there is one; nothing is loaded.
    // Its future names nothing of `L` but the value, which is owned: an error may be of any type.
    pub fn peek<L, V>(&mut self, _kind: L) -> Operation<Option<V>>
    where
        L: Load,
        L::Return: Peeked<V>,
        V: 'static,
    {
        let call = self.owned();
        let peeked: fn(L::Value) -> Option<V> = |value| L::close(Ok(value)).peeked();
        Operation::new(call.peek_whole::<Plain<L::Value, L::Codec>, V>(peeked))
    }

    async fn peek_whole<L: Load, V>(self, peeked: fn(L::Value) -> Option<V>) -> Result<Option<V>, Error> {
        let cache = self.cache_of_task();
        Ok(self.ask(&cache, self.key(&mut None)).peek::<L>().await?.and_then(peeked))
    }

    /// Stores a value that the caller says is current.
    pub fn put<L, S>(&mut self, _kind: L, value: S) -> Operation<()>
    where
        L: Load,
        S: StoredAs<L::Return>,
    {
        let call = self.owned();
        Operation::new(call.put_whole::<Plain<L::Value, L::Codec>>(L::open(value.stored_as()).ok()))
    }

    /// An error is not stored.
    async fn put_whole<L: Load>(self, value: Option<L::Value>) -> Result<(), Error> {
        let Some(value) = value else { return Ok(()) };
        let cache = self.cache_of_task();
        self.ask(&cache, self.key(&mut None)).put::<L>(&value).await.map(drop)
    }
}
