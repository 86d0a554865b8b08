//! A bound call of a cached function, as the macro makes it, and the operations of its companion.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tracing::Instrument as _;
use tracing::level_filters::LevelFilter;

use crate::ask::{Ask, Counted, Lifetime};
use crate::context::{self, Context, Mode};
use crate::core::Store;
use crate::found::FoundTags;
use crate::invalidate::{self, Targets};
use crate::key::KeyPart;
use crate::outcome::{Load, Peeked, StoredAs};
use crate::site::{Declaration, Local, SITES, Site, Ttl};
use crate::stats::add;
use crate::{Cache, Error, Key};

/// A call whose key is rendered; nothing of the arguments is borrowed any more.
pub struct Call {
    site: &'static Site,
    key: Key,
    cache: Option<Cache>,
    ttl: Option<Duration>,
    negative_ttl: Option<Duration>,
    local_expr: Option<Duration>,
    found: Option<FoundTags>,
}

impl Site {
    /// Renders the key and the tags of a call.
    pub fn bind(&'static self, parts: &[&dyn KeyPart]) -> Call {
        if self.number.is_none() && self.number.take() {
            self.warn_of_twins();
        }
        Call {
            site: self,
            key: self.key(parts),
            cache: None,
            ttl: None,
            negative_ttl: None,
            local_expr: None,
            found: None,
        }
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
        self.key
    }

    fn ask<'a>(&'a self, cache: &'a Cache) -> Ask<'a> {
        let Declaration { ttl, negative_ttl, .. } = &self.site.declaration;
        let declared = |ttl: &Ttl| match ttl {
            Ttl::Millis(millis) => Some(Duration::from_millis(*millis)),
            Ttl::Dynamic => None,
        };
        Ask {
            core: cache.core(),
            key: &self.key,
            lifetime: Lifetime {
                ttl: self.ttl.or(declared(ttl)).unwrap_or_default(),
                negative: self.negative_ttl.or(negative_ttl.as_ref().and_then(declared)),
            },
            local: self.local_lifetime(cache),
            found: self.found.as_ref(),
            counters: Counted::Site(&self.site.counters),
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

    /// The answer, if it is in this process and nobody wants to know that it was: what most calls are, without a
    /// future for all that a call can become, a handle that is shared, or a count that is.
    fn kept<L: Load>(&self, context: Option<&Context>) -> Option<L::Return> {
        if self.key.unfit().is_some() || LevelFilter::current() >= LevelFilter::DEBUG {
            return None;
        }
        let within = match context {
            Some(context) if context.mode != Mode::Normal || context.observer.is_some() => return None,
            Some(context) => context.cache.as_ref(),
            None => None,
        };
        let cache = self.cache.as_ref().or(within).unwrap_or_else(|| Cache::installed());
        let core = cache.core();
        let store = match &core.store {
            Store::Local(store) => store,
            Store::Redis(remote) => {
                self.local_lifetime(cache).filter(|lifetime| !lifetime.is_zero())?;
                remote.server.local.as_deref()?
            }
            Store::Off => return None,
        };
        let facts = self.site.facts::<L>(core.config.codec);
        let (value, negative) = store
            .get(&self.key, facts.shape)
            .and_then(|entry| entry.value.downcast_ref::<L::Value>().map(|value| (value.clone(), entry.negative)))?;
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
        if let Some(kept) = self.kept::<L>(context.as_deref()) {
            return kept;
        }
        self.answer::<L, F>(context, body).await
    }

    async fn answer<L, F>(&self, context: Option<Arc<Context>>, body: Pin<&mut F>) -> L::Return
    where
        L: Load,
        F: Future<Output = L::Return>,
    {
        let (mode, within, observer) = match &context {
            Some(context) => (context.mode, context.cache.as_ref(), context.observer.clone()),
            None => (Mode::Normal, None, None),
        };
        let cache = self.cache.as_ref().or(within).unwrap_or_else(|| Cache::installed());
        let span = tracing::debug_span!(
            "cached",
            function = self.site.declaration.function,
            source = tracing::field::Empty,
            fail_open = tracing::field::Empty
        );
        let answer = async { self.ask(cache).answer::<L, F>(mode, body).await };
        let (returned, observation) = answer.instrument(span.clone()).await;
        span.record("source", observation.source.as_str()).record("fail_open", observation.fail_open);
        if let Some(observer) = observer {
            observer.set(observation);
        }
        returned
    }

    /// Invalidates the entry of this call.
    pub async fn invalidate(self) -> Result<(), Error> {
        let cache = self.cache.unwrap_or_else(Cache::current);
        let targets = Targets { keys: vec![self.key], ..Targets::default() };
        invalidate::invalidate(cache.core(), targets).await.map(drop)
    }

    /// The cached value, if there is one; nothing is loaded.
    pub async fn peek<L, V>(mut self, _kind: L) -> Result<Option<V>, Error>
    where
        L: Load,
        L::Return: Peeked<V>,
    {
        let cache = self.cache.take().unwrap_or_else(Cache::current);
        let value = self.ask(&cache).peek::<L>().await?;
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
            Ok(value) => self.ask(&cache).put::<L>(&value).await.map(drop),
            Err(_) => Ok(()),
        }
    }
}
