//! Storing what was loaded: the envelope, the reasons not to, and the fill that no caller waits for.

mod filling;
mod queue;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use filling::{Filling, Landing};
pub(crate) use queue::Fills;

use crate::ask::Ask;
use crate::codec::CodecChoice;
use crate::compression::Compression;
use crate::core::{Remote, Store};
use crate::entry::{self, Header, Stamp};
use crate::facts::Facts;
use crate::flight::{Landed, Shared};
use crate::found::{FoundTags, Named};
use crate::key::MAX_TAGS;
use crate::local::{Fresh, LocalObservation, LocalStore};
use crate::metrics;
use crate::outcome::{Cacheable, Load};
use crate::read::Observed;
use crate::stats::{add, first_time};
use crate::{Error, ErrorKind, Key, clock, negative};

impl Ask<'_> {
    /// The lifetime of a value, or `None` if it is not to be stored.
    pub(crate) fn lifetime(&self, negative: bool) -> Option<Duration> {
        let ttl = if negative { self.lifetime.negative? } else { self.lifetime.ttl };
        if ttl.is_zero() {
            if first_time(&self.counters().warned.zero_ttl) {
                tracing::warn!(function = self.name, "the ttl is zero; nothing is stored");
            }
            return None;
        }
        Some(ttl)
    }

    pub(crate) fn too_large(&self, bytes: usize) {
        add(&self.counters().too_large);
        if first_time(&self.counters().warned.too_large) {
            let limit = self.core.config.max_entry_bytes;
            tracing::warn!(
                function = self.name,
                bytes,
                limit,
                "a value is larger than `max_entry_bytes`; it is not stored"
            );
        }
    }

    /// Counts a value that the codec cannot bring back, and warns once of its type.
    fn unfit<L: Load>(&self, problem: &dyn std::fmt::Display) -> Error {
        add(&self.counters().unfit);
        let value = std::any::type_name::<L::Value>();
        if first_time(&self.counters().warned.unfit) {
            tracing::warn!(
                function = self.name,
                value,
                problem = %problem,
                help = "codec = cache_runtime::codec::Json",
                "values of this type do not survive the codec; they are returned and not stored"
            );
        }
        Error::new(
            ErrorKind::Codec,
            format!(
                "`{value}` does not survive the codec: {problem}; `codec = cache_runtime::codec::Json` takes any type"
            ),
        )
    }

    /// The envelope of a value whose result named `tags`, a hint of them if they were not known before the load, or
    /// why nothing can be stored.
    pub(crate) fn envelope<L: Load>(
        &self,
        facts: &Facts,
        value: &L::Value,
        negative: bool,
        ttl: Duration,
        tags: Vec<String>,
        observed: &Observed,
    ) -> Result<Draft, Error> {
        let Some(stamps) = stamps_of(self.key, &tags, observed) else {
            return Ok(Draft { bytes: entry::hint(&tags), payload_start: None, covered: None });
        };
        let covered = tags[..] == observed.found[..];
        let header = Header {
            history: observed.history,
            shape: facts.shape,
            tagset: self.key.tagset(),
            negative,
            created_ms: clock::unix_millis(),
            ttl_ms: clock::millis(ttl),
            stamps,
            found: tags.into(),
        };
        let mut envelope = Vec::with_capacity(facts.expected_bytes());
        header.begin(&mut envelope);
        let payload_start = envelope.len();
        let codec = self.core.config.codec;
        L::Codec::encode(codec, value, &mut envelope).map_err(|error| self.unfit::<L>(&error))?;
        let limit = self.core.config.max_entry_bytes;
        if envelope.len() > limit {
            self.too_large(envelope.len());
            return Err(Error::new(
                ErrorKind::TooLarge,
                format!("the value takes {} bytes; `max_entry_bytes` is {limit}", envelope.len()),
            ));
        }
        if facts.check_is_due() {
            L::Codec::survives(codec, value, &envelope[payload_start..]).map_err(|problem| {
                facts.found_unfit();
                self.unfit::<L>(&problem)
            })?;
        }
        facts.expect_bytes(envelope.len());
        let covered = covered.then_some(envelope.len() - payload_start);
        Ok(Draft { bytes: envelope, payload_start: Some(payload_start), covered })
    }

    /// The tags that the result named; `None` if one of them cannot be rendered.
    pub(crate) fn found_tags(&self) -> Option<Vec<String>> {
        let Named { tags, unfit } = self.found.map(FoundTags::take).unwrap_or_default();
        let Some(problem) = unfit else {
            let mut once = Vec::with_capacity(tags.len());
            tags.into_iter().for_each(|tag| {
                if !once.contains(&tag) {
                    once.push(tag)
                }
            });
            if self.key.tag_count() + once.len() <= MAX_TAGS {
                return Some(once);
            }
            self.unkeyed(&"there are more than 255");
            return None;
        };
        self.unkeyed(&problem);
        None
    }

    fn unkeyed(&self, problem: &dyn std::fmt::Display) {
        add(&self.counters().unkeyed);
        if first_time(&self.counters().warned.unkeyed) {
            tracing::warn!(function = self.name, problem = %problem, "a tag of a result cannot be rendered; such values are not stored");
        }
    }

    /// Stores a loaded value, in process at once and on the server in the background; the flight lands when the
    /// server has answered. A refresh has none: its value is what all processes are to read from now on.
    pub(crate) fn store<L: Load>(
        &self,
        remote: &Remote,
        facts: &Facts,
        value: &L::Value,
        tags: Option<Vec<String>>,
        mut observed: Observed,
        landed: Option<Landed>,
    ) {
        let landing = Landing { core: Arc::clone(self.core), landed, held: 0 };
        let negative = negative::is_none(value);
        let fit = if observed.fenced { None } else { self.lifetime(negative) };
        // What a user's `Serialize` does is not to cost him the value.
        let envelope = fit.and_then(|ttl| {
            let tags = tags?;
            let encode = || self.envelope::<L>(facts, value, negative, ttl, tags, &observed);
            let encoded = catch_unwind(AssertUnwindSafe(encode))
                .unwrap_or_else(|_| Err(self.unfit::<L>(&"its `Serialize` panicked")));
            Some((encoded.ok()?, ttl))
        });
        let Some((draft, ttl)) = envelope else {
            self.give_back(observed);
            return;
        };
        // Also by a refresh, though the message to the others will void it: until then it takes the place of the old one.
        if let Some(length) = draft.covered {
            self.keep(remote, observed.seen.take(), || Fresh {
                value: landing.shared::<L::Value>().unwrap_or_else(|| Arc::new(value.clone())),
                negative,
                shape: facts.shape,
                bytes: length as u64,
                ttl,
                age: Duration::ZERO,
            });
        }
        let is_refresh = landing.landed.is_none();
        let (key, counted, expected) = (self.key.clone(), self.counters.owned(), observed.expected);
        let filling = Filling { landing, key, counted, draft, expected, ttl };
        if is_refresh {
            self.core.in_background(Box::pin(filling.put()));
        } else {
            queue::send(self.core, filling);
        }
    }

    /// Stores a loaded value in this process alone. Returns what the callers who joined are handed.
    pub(crate) fn store_in_process<L: Load>(
        &self,
        store: &LocalStore,
        facts: &Facts,
        value: &L::Value,
        observation: LocalObservation,
    ) -> Shared {
        let tags = self.found_tags();
        let shared = shared(value, tags.as_deref(), &observation.found);
        let negative = negative::is_none(value);
        let (Some(tags), Some(ttl)) = (tags, self.lifetime(negative)) else { return shared };
        // Another lifetime may have come meanwhile, and what was kept under this one been dropped.
        if !self.core.steering.is_still(&self.steer) {
            return shared;
        }
        if *tags != *observation.found {
            // Their counters were not read before this load: the next one's value is stored.
            store.leave_hint(self.key, tags, ttl);
            return shared;
        }
        let bytes = L::Codec::size(self.core.config.codec, value).unwrap_or(size_of::<L::Value>());
        if bytes > self.core.config.max_entry_bytes {
            self.too_large(bytes);
            return shared;
        }
        let fresh = Fresh {
            value: Arc::clone(&shared),
            negative,
            shape: facts.shape,
            bytes: bytes as u64,
            ttl,
            age: Duration::ZERO,
        };
        let stored = store.fill(self.key, observation, fresh);
        if stored {
            metrics::stored(self.counters, bytes);
        }
        add(if stored { &self.counters().fills } else { &self.counters().fills_refused });
        shared
    }

    /// Takes the token back of a load that ends without a value.
    pub(crate) fn give_back(&self, observed: Observed) {
        if !self.core.minted.forget(&observed.expected) {
            return;
        }
        let (core, key) = (Arc::clone(self.core), self.key.clone());
        self.core.in_background(Box::pin(async move {
            let Store::Redis(remote) = &core.store else { return };
            // Should this fail, others wait for the token a few times, and it expires.
            let _ = remote.server.release(&mut core.budget(), &key, &observed.expected).await;
        }));
    }
}

/// What is to be written under a key: an envelope, or a hint.
pub(crate) struct Draft {
    bytes: Vec<u8>,
    /// Where the value begins; a hint has none.
    payload_start: Option<usize>,
    /// How many bytes the value takes, if what was seen in process before its load covers all its tags.
    covered: Option<usize>,
}

impl Draft {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Makes them the bytes to send.
    pub(crate) fn finish(&mut self, compression: Option<&Compression>) {
        if let Some(payload_start) = self.payload_start.take() {
            if let Some(compression) = compression {
                entry::compress(&mut self.bytes, payload_start, compression);
            }
            entry::seal(&mut self.bytes);
        }
    }
}

/// The stamps of the key's tags and of those that the result named; `None` if one was not known before the load.
fn stamps_of(key: &Key, tags: &[String], observed: &Observed) -> Option<SmallVec<[Stamp; 4]>> {
    let (own, found) = observed.stamps.split_at(key.tag_count());
    let mut stamps = SmallVec::from_slice(own);
    for tag in tags {
        let known = observed.found.iter().position(|known| known == tag)?;
        stamps.push(found[known]);
    }
    Some(stamps)
}

/// In place of a value whose result named tags that nobody had looked at before its load. One of them may have been
/// invalidated since, before a caller came who observed all the same that the leader did: he has to look himself.
pub(crate) struct LookAgain(pub(crate) Vec<String>);

/// What the callers who joined are handed: the value, if what they observed answers for all that its result named.
/// `tags`: `None` if one of them cannot be rendered, and then everybody runs his own body.
pub(crate) fn shared<V: Cacheable>(value: &V, tags: Option<&[String]>, known: &[String]) -> Shared {
    match tags {
        None => Arc::new(()),
        Some(tags) if tags.iter().all(|tag| known.contains(tag)) => Arc::new(value.clone()),
        Some(tags) => Arc::new(LookAgain(tags.to_vec())),
    }
}
