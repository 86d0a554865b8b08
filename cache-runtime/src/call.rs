//! A bound call of a cached function, as the macro makes it, and the operations of its companion.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tracing::Span;

use crate::ask::{Ask, Counted, Lifetime};
use crate::context::{self, Context, Mode};
use crate::core::Store;
use crate::flight::Shared;
use crate::found::FoundTags;
use crate::invalidate::{self, Targets};
use crate::key::{KeyPart, Parts};
use crate::load::{Looked, Seen};
use crate::local::{Called, LocalEntry, LocalStore};
use crate::metrics;
use crate::observation::Source;
use crate::outcome::{Load, Peeked, StoredAs};
use crate::site::{Declaration, Local, SITES, Site, Ttl};
use crate::stats::add;
use crate::{Cache, Error, Key, span};

/// A call that has taken in what its key and tags are made of; nothing of the arguments is borrowed any more.
pub struct Call {
    site: &'static Site,
    parts: Parts,
    /// The key, where `parts` has no room for the parts.
    key: Option<Key>,
    cache: Option<Cache>,
    ttl: Option<Duration>,
    negative_ttl: Option<Duration>,
    local_expr: Option<Duration>,
    found: Option<FoundTags>,
}

impl Site {
    /// Takes in the parts of the key and of the tags.
    pub fn bind(&'static self, parts: &[&dyn KeyPart]) -> Call {
        if self.number.is_none() && self.number.take() {
            self.warn_of_twins();
        }
        let mut kept = Parts::new();
        let key = (!kept.take(parts)).then(|| self.render(parts));
        Call { site: self, parts: kept, key, cache: None, ttl: None, negative_ttl: None, local_expr: None, found: None }
    }
}

impl Site {
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

impl Call {
    /// Another cache than the installed one.
    #[must_use]
    pub fn on(mut self, cache: &Cache) -> Self {
        self.cache = Some(cache.clone());
        self
    }

    /// The value of a `ttl` expression.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// The value of a `negative_ttl` expression.
    #[must_use]
    pub fn negative_ttl(mut self, ttl: Duration) -> Self {
        self.negative_ttl = Some(ttl);
        self
    }

    /// The value of a `local` expression.
    #[must_use]
    pub fn local(mut self, ttl: Duration) -> Self {
        self.local_expr = Some(ttl);
        self
    }

    /// Where the tags are told that the result names.
    pub fn found(&mut self) -> FoundTags {
        self.found.get_or_insert_with(|| FoundTags::new(self.site)).clone()
    }

    /// The key alone.
    pub fn into_key(self) -> Key {
        self.key.unwrap_or_else(|| self.site.render_kept(&self.parts))
    }

    /// The key; rendered here and now, if it is not yet, and then kept in `rendered`.
    fn key<'a>(&'a self, rendered: &'a mut Option<Key>) -> &'a Key {
        match &self.key {
            Some(key) => key,
            None => rendered.insert(self.site.render_kept(&self.parts)),
        }
    }

    fn ask<'a>(&'a self, cache: &'a Cache, key: &'a Key) -> Ask<'a> {
        let Declaration { ttl, negative_ttl, .. } = &self.site.declaration;
        let declared = |ttl: &Ttl| match ttl {
            Ttl::Millis(millis) => Some(Duration::from_millis(*millis)),
            Ttl::Dynamic => None,
        };
        let steer = cache.core().steering.of_call(self.site, key);
        Ask {
            core: cache.core(),
            key,
            lifetime: steer.lifetime(Lifetime {
                ttl: self.ttl.or(declared(ttl)).unwrap_or_default(),
                negative: self.negative_ttl.or(negative_ttl.as_ref().and_then(declared)),
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
    fn plain<'a>(&'a self, context: Option<&'a Context>) -> Option<&'a Cache> {
        if context.is_some_and(|context| context.mode != Mode::Normal || context.observer.is_some()) {
            return None;
        }
        Some(self.cache(context)).filter(|cache| !cache.core().steering.diverts(self.site))
    }

    #[inline]
    fn cache<'a>(&'a self, context: Option<&'a Context>) -> &'a Cache {
        let within = || context.and_then(|context| context.cache.as_ref());
        self.cache.as_ref().or_else(within).unwrap_or_else(|| Cache::installed())
    }

    /// Where this function's entries are kept in process, if they are.
    #[inline]
    fn tier<'a>(&self, cache: &'a Cache) -> Option<&'a LocalStore> {
        match &cache.core().store {
            Store::Local(store) => Some(store),
            Store::Redis(remote) => {
                self.local_lifetime(cache).filter(|lifetime| !lifetime.is_zero())?;
                remote.server.local.as_deref()
            }
            Store::Off => None,
        }
    }

    /// The answer, if it is in this process: what most calls are, without a future for all that a call can become,
    /// a handle that is shared, or a count that is. `key`: as far as it is rendered.
    fn kept<L: Load>(&self, cache: &Cache, key: Option<&Key>) -> Option<L::Return> {
        let store = self.tier(cache)?;
        let facts = self.site.facts::<L>(cache.core().config.codec);
        if facts.is_unfit() && matches!(cache.core().store, Store::Redis(_)) {
            return None;
        }
        // Of what this thread does not know itself, and of that one call in so many.
        let aged = key.is_some() && metrics::is_recorded();
        let take = |entry: &LocalEntry, value: &Shared| {
            let value = value.downcast_ref::<L::Value>()?.clone();
            if aged {
                metrics::hit(Counted::Site(self.site), Source::Local, || entry.stored_at.elapsed());
            }
            Some((value, entry.negative))
        };
        let again = |value: &Shared| Some(Arc::new(L::again(value.downcast_ref()?)?) as Shared);
        let called = self.key.is_none().then(|| Called::new(self.site, &self.parts));
        let (value, negative) = match key {
            None => store.hit_in_front(called.as_ref()?, facts.shape, take),
            Some(key) => store.hit(called.as_ref(), key, facts.shape, take, again),
        }?;
        if !self.site.number.hit(negative) {
            add(&self.site.counters.local_hits);
            if negative {
                add(&self.site.counters.negative_hits);
            }
        }
        Some(L::close(Ok(value)))
    }

    /// Answers the call: from the cache, from a load under way, or by `body`.
    ///
    /// # Cancel safety
    ///
    /// Dropped while `body` runs, the load is taken over by one of the callers who joined it.
    pub async fn load<L, F>(&self, _kind: L, body: Pin<&mut F>) -> L::Return
    where
        L: Load,
        F: Future<Output = L::Return>,
    {
        let context = context::current();
        let mut rendered = None;
        if let Some(span) = span::of(Counted::Site(self.site)) {
            let (key, looked) = (self.key(&mut rendered), Looked::default());
            return Box::pin(self.answer::<L, F>(context.as_deref(), key, looked, span, body)).await;
        }
        let plain = self.plain(context.as_deref());
        if let Some(cache) = plain
            && let Some(kept) = self.kept::<L>(cache, None)
        {
            return kept;
        }
        let key = self.key(&mut rendered);
        let mut looked = Looked::default();
        if let Some(cache) = plain.filter(|_| key.unfit().is_none()) {
            if let Some(kept) = self.kept::<L>(cache, Some(key)) {
                return kept;
            }
            looked.in_process = self.tier(cache).is_some();
            let facts = self.site.facts::<L>(cache.core().config.codec);
            if let Store::Redis(remote) = &cache.core().store
                && !facts.is_unfit()
            {
                let ask = self.ask(cache, key);
                let mut budget = cache.core().budget();
                match ask.see::<L>(&ask.question(remote, facts), facts, &mut budget).await {
                    Seen::Value(value, _) => return L::close(Ok(value)),
                    seen => looked.over_redis = Some((seen, budget)),
                }
            }
        }
        // Boxed: what most calls need of this future stays small, and does not have to be moved about.
        Box::pin(self.answer::<L, F>(context.as_deref(), key, looked, Span::none(), body)).await
    }

    async fn answer<L, F>(
        &self,
        context: Option<&Context>,
        key: &Key,
        looked: Looked<L::Value>,
        span: Span,
        body: Pin<&mut F>,
    ) -> L::Return
    where
        L: Load,
        F: Future<Output = L::Return>,
    {
        let mode = context.map(|context| context.mode).unwrap_or_default();
        // Whoever looks from outside can tell from now on what this function reads.
        #[cfg(feature = "inspect")]
        self.site.facts::<L>(self.cache(context).core().config.codec);
        let ask = self.ask(self.cache(context), key);
        let (returned, observation) = ask.told::<L, F>(mode, looked, span, body).await;
        if let Some(observer) = context.and_then(|context| context.observer.as_ref()) {
            observer.set(observation, L::failed(&returned));
        }
        returned
    }

    /// Invalidates the entry of this call.
    pub async fn invalidate(self) -> Result<(), Error> {
        let cache = self.cache.clone().unwrap_or_else(Cache::current);
        let targets = Targets { keys: vec![self.into_key()], ..Targets::default() };
        invalidate::invalidate(cache.core(), targets).await.map(drop)
    }

    /// The cached value, if there is one; nothing is loaded.
    pub async fn peek<L, V>(mut self, _kind: L) -> Result<Option<V>, Error>
    where
        L: Load,
        L::Return: Peeked<V>,
    {
        let cache = self.cache.take().unwrap_or_else(Cache::current);
        let value = self.ask(&cache, self.key(&mut None)).peek::<L>().await?;
        Ok(value.and_then(|value| L::close(Ok(value)).peeked()))
    }

    /// Stores a value that the caller says is current.
    pub async fn put<L, S>(mut self, _kind: L, value: S) -> Result<(), Error>
    where
        L: Load,
        S: StoredAs<L::Return>,
    {
        let cache = self.cache.take().unwrap_or_else(Cache::current);
        match L::open(value.stored_as()) {
            Ok(value) => self.ask(&cache, self.key(&mut None)).put::<L>(&value).await.map(drop),
            Err(_) => Ok(()),
        }
    }
}
