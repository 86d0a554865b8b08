//! What is asked of the cache in one call, apart from its types, and the answer of the server decoded.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crate::codec::CodecChoice;
use crate::compression::Unreadable;
use crate::core::{Core, Remote};
use crate::entry::Envelope;
use crate::facts::{self, Facts, Kind};
use crate::found::FoundTags;
use crate::load::Stored;
use crate::local::{Fresh, LocalObservation, LocalStore};
#[cfg(feature = "metrics")]
use crate::metrics::Series;
use crate::observation::{Observation, Source};
use crate::outcome::Load;
use crate::policy::Steer;
use crate::read::{Hit, Question};
use crate::site::Site;
use crate::stats::{Counters, add, first_time};
use crate::{Key, clock, metrics, negative, span};

/// How long values live.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetime {
    pub(crate) ttl: Duration,
    /// For `None`, which is not stored without it.
    pub(crate) negative: Option<Duration>,
}

impl Lifetime {
    /// Of a value, or of a `None`; `None` if none is known.
    pub(crate) fn of(&self, negative: bool) -> Option<Duration> {
        if negative { self.negative } else { Some(self.ttl) }.filter(|ttl| !ttl.is_zero())
    }
}

/// One call of a cached function, apart from its types.
pub(crate) struct Ask<'a> {
    pub(crate) core: &'a Arc<Core>,
    pub(crate) key: &'a Key,
    pub(crate) lifetime: Lifetime,
    /// What operators say; `lifetime` and `local` are as they want them.
    pub(crate) steer: Steer,
    /// How long entries may be kept in process over Redis; `None`: not at all.
    pub(crate) local: Option<Duration>,
    /// The tags that the result names, told by the body.
    pub(crate) found: Option<&'a FoundTags>,
    pub(crate) counters: Counted<'a>,
    /// For warnings: the function, or the method of the cache.
    pub(crate) name: &'static str,
}

/// Whose counters count a call: they must outlive the fill in the background.
#[derive(Clone, Copy)]
pub(crate) enum Counted<'a> {
    Site(&'static Site),
    Direct(&'a Arc<Core>),
}

impl<'a> Counted<'a> {
    pub(crate) fn get(self) -> &'a Counters {
        match self {
            Self::Site(site) => &site.counters,
            Self::Direct(core) => &core.direct,
        }
    }

    /// Counts a hit where no other thread counts; false if there is no such place.
    fn hit_on_server(self, bytes: u64) -> bool {
        match self {
            Self::Site(site) => site.number.hit_on_server(bytes),
            Self::Direct(_) => false,
        }
    }

    /// The function and its key template, as metrics and spans call them: bounded, whatever the keys are.
    pub(crate) fn labels(self) -> (Cow<'static, str>, &'static str) {
        match self {
            Self::Site(Site { declaration, .. }) => (declaration.function.into(), declaration.key.source),
            Self::Direct(core) => (core.direct_name().into(), "*"),
        }
    }

    #[cfg(feature = "metrics")]
    pub(crate) fn series(self) -> &'a Series {
        match self {
            Self::Site(site) => &site.series,
            Self::Direct(core) => &core.series,
        }
    }

    pub(crate) fn owned(self) -> CountedOwned {
        match self {
            Self::Site(site) => CountedOwned::Site(site),
            Self::Direct(core) => CountedOwned::Direct(Arc::clone(core)),
        }
    }
}

/// The same, for work in the background.
pub(crate) enum CountedOwned {
    Site(&'static Site),
    Direct(Arc<Core>),
}

impl CountedOwned {
    pub(crate) fn counted(&self) -> Counted<'_> {
        match self {
            Self::Site(site) => Counted::Site(site),
            Self::Direct(core) => Counted::Direct(core),
        }
    }
}

impl Ask<'_> {
    pub(crate) fn counters(&self) -> &Counters {
        self.counters.get()
    }

    /// What is known of the type that is asked for.
    pub(crate) fn facts<L: Load>(&self) -> &'static Facts {
        match self.counters {
            Counted::Site(site) => site.facts(Kind::of::<L>(), self.core.config.codec),
            Counted::Direct(_) => self.facts_by_type::<L>(),
        }
    }

    /// The same, without a trace in the site: it remembers the kind that is called first, and is quickest with that one, which
    /// should be the function's own and not that of a `put` or a `peek`.
    pub(crate) fn facts_by_type<L: Load>(&self) -> &'static Facts {
        facts::facts::<L::Value>(L::Codec::name(self.core.config.codec), self.key.version)
    }

    /// Counts an answer that is counted nowhere else: the call is over.
    pub(crate) fn answered(&self, observation: &Observation) {
        match observation.source {
            Source::Loaded => add(&self.counters().led),
            Source::Bypassed if !observation.fail_open => add(&self.counters().uncached),
            _ => {}
        }
    }

    pub(crate) fn question<'q>(&'q self, remote: &'q Remote, facts: &Facts) -> Question<'q> {
        Question {
            core: self.core,
            remote,
            key: self.key,
            shape: Some(facts.shape),
            counters: self.counters(),
            local: self.tier(remote),
            oldest: self.steer.limits.then_some(self.lifetime),
        }
    }

    /// The in-process tier over Redis, if this function's entries may be kept there.
    fn tier<'q>(&self, remote: &'q Remote) -> Option<&'q LocalStore> {
        self.local.filter(|lifetime| !lifetime.is_zero())?;
        remote.server.local.as_deref()
    }

    /// The value kept in process over Redis, if it stands, and what there is to tell of it.
    pub(crate) fn kept<L: Load>(&self, remote: &Remote, facts: &Facts) -> Option<(L::Value, Observation)> {
        self.held::<L>(self.tier(remote)?, facts)
    }

    /// The value in this process, if it stands: a hit, and counted as one.
    pub(crate) fn held<L: Load>(&self, store: &LocalStore, facts: &Facts) -> Option<(L::Value, Observation)> {
        let entry = store.get(self.key, facts.shape)?;
        let value = entry.value.downcast_ref::<L::Value>()?.clone();
        add(&self.counters().local_hits);
        if entry.negative {
            add(&self.counters().negative_hits);
        }
        let age = entry.stored_at.elapsed();
        metrics::hit(self.counters, Source::Local, || age);
        Some((value, Observation::hit(Source::Local, age, entry.negative, entry.bytes)))
    }

    /// Keeps a value in process over Redis, if nothing was invalidated since `seen`. The ttl of `fresh` is what its entry has
    /// left, and is cut to what this function may keep.
    pub(crate) fn keep(&self, remote: &Remote, seen: Option<LocalObservation>, fresh: impl FnOnce() -> Fresh) {
        let (Some(tier), Some(seen), Some(lifetime)) = (self.tier(remote), seen, self.local) else { return };
        let mut fresh = fresh();
        let allowed = self.lifetime.of(fresh.negative).filter(|_| self.steer.limits);
        let allowed = allowed.map_or(Duration::MAX, |ttl| ttl.saturating_sub(fresh.age));
        fresh.ttl = fresh.ttl.min(lifetime).min(allowed);
        // What is said of lifetimes may have changed, and with it what was kept have been dropped.
        if !fresh.ttl.is_zero() && self.core.steering.is_still(&self.steer) {
            tier.fill(self.key, seen, fresh);
        }
    }

    /// The value of a hit, kept in process for the next caller, and what there is to tell of it.
    pub(crate) fn take<L: Load>(&self, remote: &Remote, facts: &Facts, hit: &Hit) -> Option<(L::Value, Stored)> {
        let envelope = hit.envelope();
        let (value, encoded) = self.decode::<L>(envelope)?;
        if let Some(seen) = hit.seen() {
            self.keep(remote, Some(seen.clone()), || Fresh {
                value: Arc::new(value.clone()),
                negative: negative::is_none(&value),
                shape: facts.shape,
                bytes: encoded as u64,
                ttl: hit.left(),
                age: hit.age(),
            });
        }
        Some((value, Stored::of(envelope)))
    }

    /// The decoded value of a hit, and its size encoded. One that does not decode, though its shape fits, is a miss.
    fn decode<L: Load>(&self, envelope: Envelope<'_>) -> Option<(L::Value, usize)> {
        let config = &self.core.config;
        let payload = envelope.packed().plain(config.max_entry_bytes);
        let payload = payload.inspect_err(|problem| self.unreadable(problem)).ok();
        let decoded = payload.and_then(|payload| {
            let value = L::Codec::decode::<L::Value>(config.codec, &payload).ok()?;
            Some((value, payload.len()))
        });
        let counters = self.counters();
        if decoded.is_none() {
            add(&counters.undecodable);
            return None;
        }
        let bytes = envelope.length() as u64;
        if !self.counters.hit_on_server(bytes) {
            add(&counters.redis_hits);
            counters.bytes_read.fetch_add(bytes, Relaxed);
        }
        if envelope.negative() {
            add(&counters.negative_hits);
            add(&counters.negative_redis_hits);
        }
        metrics::hit(self.counters, Source::Redis, || clock::since(envelope.created_ms()));
        decoded
    }

    fn unreadable(&self, problem: &Unreadable) {
        if first_time(&self.core.warned_of_unreadable) {
            tracing::warn!(function = self.name, key = %span::shown(self.key, &self.core.config), cause = %problem, "an entry cannot be decompressed; such entries are misses");
        }
    }
}
