//! What is asked of the cache in one call, apart from its types, and the answer of the server decoded.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crate::Key;
use crate::codec::CodecChoice;
use crate::core::{Core, Remote};
use crate::facts::Facts;
use crate::found::FoundTags;
use crate::outcome::Load;
use crate::read::{Hit, Question};
use crate::stats::{Counters, add};

/// How long values live.
#[derive(Clone, Copy)]
pub(crate) struct Lifetime {
    pub(crate) ttl: Duration,
    /// For `None`, which is not stored without it.
    pub(crate) negative: Option<Duration>,
}

/// One call of a cached function, apart from its types.
pub(crate) struct Ask<'a> {
    pub(crate) core: &'a Arc<Core>,
    pub(crate) key: &'a Key,
    pub(crate) lifetime: Lifetime,
    pub(crate) counters: Counted<'a>,
    /// For warnings: the function, or the method of the cache.
    pub(crate) name: &'static str,
    /// The tags that the result names, where a function has such; told while its body runs.
    #[expect(dead_code, reason = "of use once values are stored under them")]
    pub(crate) found: Option<&'a FoundTags>,
}

/// Whose counters count a call: they must outlive the fill in the background.
#[derive(Clone, Copy)]
pub(crate) enum Counted<'a> {
    Site(&'static Counters),
    Direct(&'a Arc<Core>),
}

impl Counted<'_> {
    pub(crate) fn get(&self) -> &Counters {
        match self {
            Self::Site(counters) => counters,
            Self::Direct(core) => &core.direct,
        }
    }

    pub(crate) fn owned(&self) -> CountedOwned {
        match self {
            Self::Site(counters) => CountedOwned::Site(counters),
            Self::Direct(core) => CountedOwned::Direct(Arc::clone(core)),
        }
    }
}

/// The same, for work in the background.
pub(crate) enum CountedOwned {
    Site(&'static Counters),
    Direct(Arc<Core>),
}

impl CountedOwned {
    pub(crate) fn get(&self) -> &Counters {
        match self {
            Self::Site(counters) => counters,
            Self::Direct(core) => &core.direct,
        }
    }
}

impl Ask<'_> {
    pub(crate) fn counters(&self) -> &Counters {
        self.counters.get()
    }

    pub(crate) fn question<'q>(&'q self, remote: &'q Remote, facts: &Facts) -> Question<'q> {
        Question { core: self.core, remote, key: self.key, shape: Some(facts.shape), counters: self.counters() }
    }

    /// The decoded value of a hit. One that does not decode, though its shape fits, is a miss.
    pub(crate) fn decode<L: Load>(&self, hit: &Hit) -> Option<L::Value> {
        let counters = self.counters();
        match L::Codec::decode::<L::Value>(self.core.config.codec, hit.payload()) {
            Ok(value) => {
                add(&counters.redis_hits);
                if hit.negative {
                    add(&counters.negative_hits);
                }
                counters.bytes_read.fetch_add(hit.length() as u64, Relaxed);
                Some(value)
            }
            Err(_) => {
                add(&counters.undecodable);
                None
            }
        }
    }
}
