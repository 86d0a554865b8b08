//! The handle: which cache is meant, and its direct operations.

mod state;

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tracing::Span;

use crate::ask::{Ask, Counted, Lifetime};
use crate::builder::CacheBuilder;
use crate::context;
use crate::core::{Core, Store};
use crate::invalidate::{self, Targets};
use crate::load::Looked;
use crate::outcome::{Cacheable, Fallible, Plain};
use crate::read::{Hit, Question};
use crate::redis::Fill;
use crate::{Error, ErrorKind, Key, glob, recovery, span};

/// A handle to a cache; clones are the same cache.
///
/// Most programs make one, [install](Cache::install) it, and annotate functions. The methods below are for what is
/// left: keys that no function owns, invalidation by hand, and operations.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), cache_runtime::Error> {
/// use std::time::Duration;
/// use cache_runtime::{Cache, Key};
///
/// let cache = Cache::local();
/// let key = Key::new("report:7").tag("reports");
/// cache.put(&key, &"all is well".to_owned(), Duration::from_secs(60)).await?;
/// assert_eq!(cache.get::<String>(&key).await?.as_deref(), Some("all is well"));
///
/// cache.invalidate_tags(["reports"]).await?;
/// assert_eq!(cache.get::<String>(&key).await?, None);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Cache {
    core: Arc<Core>,
}

static INSTALLED: OnceLock<Cache> = OnceLock::new();

/// Which cache.
impl Cache {
    /// Starts from the defaults.
    pub fn builder() -> CacheBuilder {
        CacheBuilder::new()
    }

    /// A cache that lives in this process only, with the default settings. Of the environment only `CACHE_DISABLED` counts.
    pub fn local() -> Self {
        Self::builder()
            .build_with_its_own()
            .expect("the defaults are in order, and an executable's name is made to fit")
    }

    /// The cache that the environment describes.
    ///
    /// The server is the first of `CACHE_URL`, `VALKEY_URL` and `REDIS_URL` that is set; with none of them the
    /// cache lives in this process only. The namespace is `CACHE_NAMESPACE`, else the executable's name. `CACHE_POLICY` names
    /// the file of the [policy](crate::policy), and `CACHE_DISABLED=1` [switches the cache off](crate::CacheBuilder::disabled):
    /// these two count for caches from the builder as well, unless it is [told otherwise](crate::CacheBuilder::policy_from_env).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if one of them cannot be used.
    pub fn from_env() -> Result<Self, Error> {
        CacheBuilder::from_env().build()
    }

    /// Makes this the cache of every annotated function in the program.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if there is one already: an earlier `install`, or an annotated function was called before
    /// and took [`Cache::from_env`].
    pub fn install(&self) -> Result<(), Error> {
        INSTALLED.set(self.clone()).map_err(|_| {
            Error::new(
                ErrorKind::Config,
                "a cache is installed already; call `install` once, before the first cached function is called",
            )
        })
    }

    /// The installed cache, or the environment's.
    #[inline]
    pub(crate) fn installed() -> &'static Self {
        INSTALLED.get_or_init(|| {
            Self::from_env().unwrap_or_else(|error| {
                tracing::error!(%error, "the environment does not describe a cache; functions run uncached");
                // If it is only the policy that is bad, invalidations are still to be delivered.
                let disabled = CacheBuilder::from_env().disabled(true).build_with_its_own();
                // In-process values would be stale on every other node: better none.
                disabled.unwrap_or_else(|_| CacheBuilder::off())
            })
        })
    }

    /// The cache of this task: the innermost [`scope`](Cache::scope), else the installed one.
    pub fn current() -> Self {
        context::current().and_then(|context| context.cache.clone()).unwrap_or_else(|| Self::installed().clone())
    }

    /// Runs `future` with this cache in place of the installed one; how tests isolate themselves.
    ///
    /// Tasks spawned inside do not inherit it.
    ///
    /// # Cancel safety
    ///
    /// As cancel safe as `future`.
    pub async fn scope<F: Future>(&self, future: F) -> F::Output {
        let cache = self.clone();
        context::within(|context| context.cache = Some(cache), pin!(future)).await
    }

    pub(crate) fn from_core(core: Core) -> Self {
        Self::of(Arc::new(core))
    }

    pub(crate) fn of(core: Arc<Core>) -> Self {
        Self { core }
    }

    #[inline]
    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }
}

/// Values by key.
impl Cache {
    fn ask<'a>(&'a self, key: &'a Key, ttl: Duration, name: &'static str) -> Ask<'a> {
        let steer = self.core.steering.of_key(key);
        Ask {
            core: &self.core,
            key,
            lifetime: steer.lifetime(Lifetime { ttl, negative: Some(ttl) }),
            steer,
            local: steer.local(Some(self.core.config.local_ttl)),
            found: None,
            counters: Counted::Direct(&self.core),
            name,
        }
    }

    /// The value of `key`, if it is there, was stored as a `T`, and stands. `None` also while an invalidation
    /// of it is owed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`], [`ErrorKind::Timeout`] or [`ErrorKind::Refused`] when the server cannot be asked;
    /// [`ErrorKind::Argument`] when the key cannot be rendered.
    pub async fn get<T: Cacheable>(&self, key: impl Into<Key>) -> Result<Option<T>, Error> {
        let key = key.into();
        self.ask(&key, Duration::ZERO, "Cache::get").peek::<Plain<T>>().await
    }

    /// The values of many keys, in their order.
    ///
    /// Asks the server for all of them in one round trip, also for what is kept in process; in two, if there are entries
    /// with tags that their result named (`{return..}`).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), cache_runtime::Error> {
    /// # use std::time::Duration;
    /// # let cache = cache_runtime::Cache::local();
    /// cache.put_many([("a", 1), ("b", 2)], Duration::from_secs(60)).await?;
    /// assert_eq!(cache.get_many::<i32>(["b", "c", "a"]).await?, [Some(2), None, Some(1)]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get), if one of them cannot be answered.
    pub async fn get_many<T: Cacheable>(
        &self,
        keys: impl IntoIterator<Item = impl Into<Key>>,
    ) -> Result<Vec<Option<T>>, Error> {
        let keys: Vec<Key> = keys.into_iter().map(Into::into).collect();
        let asks: Vec<_> = keys.iter().map(|key| self.ask(key, Duration::ZERO, "Cache::get_many")).collect();
        Ask::peek_many::<Plain<T>>(&asks).await
    }

    /// Stores `value` for `ttl`, under the tags of `key`.
    ///
    /// The caller says that `value` is current **now**: the stamps are read when this is called. A value that was loaded
    /// before an invalidation, and is put behind it, is stored all the same and stays; to load and store without that race
    /// use [`get_or_load`](Self::get_or_load), or [`refresh`](crate::refresh) a cached function.
    ///
    /// `Ok` also if the entry was invalidated, or stored by somebody else, while this ran: then `value` does not stand.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Argument`]: the ttl is zero, or the key cannot be rendered.
    /// - [`ErrorKind::Codec`]: the value cannot be encoded, or would not come back as it was.
    /// - [`ErrorKind::TooLarge`]: it is larger than `max_entry_bytes`.
    /// - [`ErrorKind::Unavailable`]: the server cannot be reached, an invalidation of the entry is owed, or a mutation has
    ///   fenced it.
    /// - [`ErrorKind::Timeout`], [`ErrorKind::Refused`]: the server did not answer in time, or with an error.
    ///
    /// # Cancel safety
    ///
    /// Dropped on the way, the value may or may not have been stored.
    pub async fn put<T: Cacheable>(&self, key: impl Into<Key>, value: &T, ttl: Duration) -> Result<(), Error> {
        let key = key.into();
        self.ask(&key, ttl, "Cache::put").put::<Plain<T>>(value).await.map(drop)
    }

    /// [`put`](Self::put) for many values, one after the other.
    ///
    /// # Errors
    ///
    /// The first one, as of [`put`](Self::put); the values before it are stored.
    ///
    /// # Cancel safety
    ///
    /// Dropped on the way, the values before the current one are stored; that one may or may not be.
    pub async fn put_many<K: Into<Key>, T: Cacheable>(
        &self,
        values: impl IntoIterator<Item = (K, T)>,
        ttl: Duration,
    ) -> Result<(), Error> {
        for (key, value) in values {
            self.put(key, &value, ttl).await?;
        }
        Ok(())
    }

    /// The value of `key`, loaded and stored for `ttl` if it is not there.
    ///
    /// Keeps every promise that annotated functions are given: one load at a time, no invalidation lost to a race, and
    /// trouble of the cache only means that `load` runs.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), cache_runtime::Error> {
    /// use std::{io, time::Duration};
    /// let cache = cache_runtime::Cache::local();
    /// let answer = cache.get_or_load("answer", Duration::from_secs(60), || async { Ok::<_, io::Error>(42) }).await?;
    /// assert_eq!(answer, 42);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Load`] with the error of `load` as its source; [`ErrorKind::Argument`] when the ttl is zero.
    ///
    /// # Cancel safety
    ///
    /// Dropped while `load` runs, the load is taken over by a caller who joined it.
    pub async fn get_or_load<T, E, F, L>(&self, key: impl Into<Key>, ttl: Duration, load: L) -> Result<T, Error>
    where
        T: Cacheable,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
        F: Future<Output = Result<T, E>>,
        L: FnOnce() -> F,
    {
        if ttl.is_zero() {
            return Err(Error::new(ErrorKind::Argument, "`ttl` = 0s: must be more than zero"));
        }
        let key = key.into();
        let mode = context::current().map(|context| context.mode).unwrap_or_default();
        let observer = context::current().and_then(|context| context.observer.clone());
        let body = pin!(async move { load().await });
        let ask = self.ask(&key, ttl, "Cache::get_or_load");
        let span = span::of(ask.counters).unwrap_or_else(Span::none);
        let (returned, observation) = ask.told::<Fallible<T, E>, _>(mode, Looked::default(), span, body).await;
        if let Some(observer) = observer {
            observer.set(observation, returned.is_err());
        }
        returned.map_err(|error| {
            let source: Box<dyn std::error::Error + Send + Sync> = error.into();
            Error::new(ErrorKind::Load, format!("the loader of `{key}` failed: {source}")).with_source(source)
        })
    }

    /// Whether a value stands under `key`, whatever its type.
    ///
    /// # Errors
    ///
    /// As [`ttl`](Self::ttl).
    pub async fn exists(&self, key: impl Into<Key>) -> Result<bool, Error> {
        Ok(self.ttl(key).await?.is_some())
    }

    /// How long the value of `key` has left, if one stands.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`], [`ErrorKind::Timeout`] or [`ErrorKind::Refused`] when the server cannot be asked.
    pub async fn ttl(&self, key: impl Into<Key>) -> Result<Option<Duration>, Error> {
        let key = key.into();
        match &self.core.store {
            Store::Off => Ok(None),
            Store::Local(store) => Ok(store.expires_in(&key)),
            Store::Redis(remote) => {
                if self.standing(&key).await?.is_none() {
                    return Ok(None);
                }
                let left = remote.server.expires_in(&mut self.core.budget(), &key).await;
                let left = left.map_err(crate::redis::Failure::into_error)?;
                Ok(u64::try_from(left).ok().map(Duration::from_millis))
            }
        }
    }

    /// Gives the value of `key` a new lifetime from now on; false if none stands, or if it was invalidated or stored anew
    /// while this ran.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Argument`] when the ttl is zero; else as [`ttl`](Self::ttl).
    ///
    /// # Cancel safety
    ///
    /// Dropped on the way, the lifetime may or may not have changed.
    pub async fn touch(&self, key: impl Into<Key>, ttl: Duration) -> Result<bool, Error> {
        if ttl.is_zero() {
            return Err(Error::new(ErrorKind::Argument, "`ttl` = 0s: must be more than zero"));
        }
        let key = key.into();
        match &self.core.store {
            Store::Off => Ok(false),
            Store::Local(store) => Ok(store.touch(&key, ttl)),
            Store::Redis(remote) => {
                let Some(hit) = self.standing(&key).await? else { return Ok(false) };
                // Written anew, because an envelope says how long it lives: whoever keeps it in process goes by that.
                let (expected, envelope) = hit.living_for(ttl);
                let fill = Fill { key: &key, expected: &expected, envelope: &envelope, ttl };
                let set = remote.server.put(&mut self.core.budget(), fill).await;
                set.map_err(crate::redis::Failure::into_error)
            }
        }
    }

    async fn standing(&self, key: &Key) -> Result<Option<Hit>, Error> {
        let Store::Redis(remote) = &self.core.store else { return Ok(None) };
        let question = Question {
            core: &self.core,
            remote,
            key,
            shape: None,
            counters: &self.core.direct,
            local: None,
            oldest: None,
        };
        question.peek(&mut self.core.budget()).await.map_err(crate::redis::Failure::into_error)
    }
}

/// Invalidation.
impl Cache {
    /// Removes the entries of `keys`, and refuses what is being loaded for them. Counts the keys under which there was
    /// something: over Redis also the token of a load, a hint or a fence.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`], [`ErrorKind::Timeout`] or [`ErrorKind::Refused`] when the server did not confirm it. It
    /// is then queued and retried, and this process does not serve the entries until it succeeded.
    ///
    /// # Cancel safety
    ///
    /// Dropped on the way, the removal is queued and delivered in the background.
    pub async fn remove(&self, keys: impl IntoIterator<Item = impl Into<Key>>) -> Result<u64, Error> {
        let keys = keys.into_iter().map(Into::into).collect();
        invalidate::invalidate(&self.core, Targets { keys, ..Targets::default() }).await
    }

    /// Voids every entry that carries one of `tags`, stored or being loaded, in time that does not depend on how many.
    ///
    /// # Errors
    ///
    /// As [`remove`](Self::remove).
    ///
    /// # Cancel safety
    ///
    /// As [`remove`](Self::remove).
    pub async fn invalidate_tags(&self, tags: impl IntoIterator<Item = impl AsRef<str>>) -> Result<(), Error> {
        let tags = tags.into_iter().map(|tag| Key::new(tag).as_str().to_owned()).collect();
        invalidate::invalidate(&self.core, Targets { tags, ..Targets::default() }).await.map(drop)
    }

    /// Removes the entries whose keys match a Redis glob (`user:*`), and counts them as [`remove`](Self::remove) does.
    ///
    /// Walks the whole keyspace of the server with `SCAN`, never `KEYS`: for the hand of an operator, not for a request.
    /// Loads under way are refused. Over Redis, everything that is kept in process becomes void, in every process: what
    /// is kept need not be on the server any more.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`], [`ErrorKind::Timeout`] or [`ErrorKind::Refused`] when the server fails on the way. What
    /// was removed stays removed; nothing is queued.
    ///
    /// # Cancel safety
    ///
    /// Dropped on the way, it ends there: what was removed stays removed, and nothing is queued. Call it again.
    pub async fn remove_matching(&self, pattern: &str) -> Result<u64, Error> {
        match &self.core.store {
            Store::Off => Ok(0),
            Store::Local(store) => Ok(store.sweep(|key| glob::matches(pattern, key))),
            Store::Redis(remote) => recovery::remove_matching(&remote.server, &remote.server.names.entries(pattern))
                .await
                .map_err(crate::redis::Failure::into_error),
        }
    }

    /// Removes everything in this namespace, except for fences that are in force, and nothing else. What is kept in process
    /// becomes void in every process.
    ///
    /// # Errors
    ///
    /// As [`remove_matching`](Self::remove_matching).
    ///
    /// # Cancel safety
    ///
    /// As [`remove_matching`](Self::remove_matching).
    pub async fn clear(&self) -> Result<(), Error> {
        match &self.core.store {
            Store::Off => Ok(()),
            Store::Local(store) => {
                store.clear();
                Ok(())
            }
            Store::Redis(remote) => {
                recovery::clear(&remote.server).await.map(drop).map_err(crate::redis::Failure::into_error)
            }
        }
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("namespace", &self.namespace()).field("tier", &self.health().tier).finish()
    }
}
