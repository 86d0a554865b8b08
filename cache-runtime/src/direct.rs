//! Reading and storing by key, without a load: what `peek`, `put` and the methods of a cache do.

use std::sync::Arc;
use std::time::Duration;

use crate::ask::Ask;
use crate::codec::CodecChoice;
use crate::core::Store;
use crate::invalidate::{self, Targets};
use crate::local::Fresh;
use crate::metrics::{self, Timer};
use crate::outcome::Load;
use crate::read::{self, Found, Question};
use crate::redis::Fill;
use crate::stats::add;
use crate::{Error, ErrorKind, negative};

impl Ask<'_> {
    fn fit(&self) -> Result<(), Error> {
        match self.key.unfit() {
            Some(problem) => Err(Error::new(ErrorKind::Argument, format!("the key cannot be rendered: {problem}"))),
            None => Ok(()),
        }
    }

    /// The stored value, if it stands.
    pub(crate) async fn peek<L: Load>(&self) -> Result<Option<L::Value>, Error> {
        self.fit()?;
        metrics::attend(self.core);
        let counters = self.counters.get();
        if self.steer.off {
            add(&counters.bypassed);
            return Ok(None);
        }
        let facts = self.facts_by_type::<L>();
        let found = match &self.core.store {
            Store::Off => None,
            Store::Local(store) => self.held::<L>(store, facts).map(|(value, _)| value),
            Store::Redis(remote) => {
                if let Some((value, _)) = self.kept::<L>(remote, facts) {
                    return Ok(Some(value));
                }
                let question = self.question(remote, facts);
                let timer = Timer::start();
                let hit = question.peek(&mut self.core.budget()).await;
                timer.read(self.counters);
                let hit = hit.map_err(|failure| {
                    read::count(counters, &failure);
                    failure.into_error()
                })?;
                hit.and_then(|hit| self.take::<L>(remote, facts, &hit)).map(|(value, _)| value)
            }
        };
        if found.is_none() {
            self.missed();
        }
        Ok(found)
    }

    /// Nothing is there, and nothing is loaded.
    fn missed(&self) {
        add(&self.counters().misses);
        add(&self.counters().absent);
    }

    /// Removes what is there, in place of a value that would be stored if an operator had not switched that off: when it is
    /// on again, the value from before must not come back.
    pub(crate) async fn forget(&self) -> Result<(), Error> {
        add(&self.counters().bypassed);
        let targets = Targets { keys: vec![self.key.clone()], ..Targets::default() };
        invalidate::invalidate(self.core, targets).await.map(drop)
    }

    /// Stores a value as current now; false if an invalidation came in between, or if that is switched off.
    pub(crate) async fn put<L: Load>(&self, value: &L::Value) -> Result<bool, Error> {
        self.fit()?;
        metrics::attend(self.core);
        if self.steer.off {
            return self.forget().await.map(|()| false);
        }
        let facts = self.facts_by_type::<L>();
        let negative = negative::is_none(value);
        let Some(ttl) = (if negative { self.lifetime.negative } else { Some(self.lifetime.ttl) }) else {
            return Ok(false);
        };
        if ttl.is_zero() {
            return Err(Error::new(ErrorKind::Argument, "`ttl` = 0s: must be more than zero"));
        }
        if facts.is_unfit() {
            return Err(Error::new(
                ErrorKind::Codec,
                "values of this type do not survive the codec; use `codec = cache_runtime::codec::Json`",
            ));
        }
        let Some(tags) = self.found_tags() else {
            return Err(Error::new(ErrorKind::Argument, "a tag of the value cannot be rendered"));
        };
        let (stored, bytes) = match &self.core.store {
            Store::Off => (false, 0),
            Store::Local(store) => {
                let bytes = L::Codec::size(self.core.config.codec, value).unwrap_or(size_of::<L::Value>());
                let limit = self.core.config.max_entry_bytes;
                if bytes > limit {
                    add(&self.counters.get().too_large);
                    return Err(Error::new(
                        ErrorKind::TooLarge,
                        format!("the value takes {bytes} bytes; `max_entry_bytes` is {limit}"),
                    ));
                }
                let mut observation = store.observe(self.key);
                store.observe_found(&mut observation, tags);
                let value = Arc::new(value.clone());
                let shape = facts.shape;
                let fresh = Fresh { value, negative, shape, bytes: bytes as u64, ttl, age: Duration::ZERO };
                let stored = store.fill(self.key, observation, fresh);
                // Another lifetime has come meanwhile. Neither this one nor an older value may stay.
                if !self.core.steering.is_still(&self.steer) {
                    store.remove(self.key);
                }
                (stored, bytes)
            }
            Store::Redis(remote) => {
                let question = Question { local: None, ..self.question(remote, facts) };
                let mut budget = self.core.budget();
                let Found::Miss(observed) = question.ask(&mut budget, None, &tags).await else {
                    let trouble = remote.server.trouble().unwrap_or_else(|| "an invalidation of it is owed".into());
                    return Err(Error::new(ErrorKind::Unavailable, format!("the value was not stored: {trouble}")));
                };
                if observed.fenced {
                    return Err(Error::new(
                        ErrorKind::Unavailable,
                        "the value was not stored: a mutation of it is under way, and has fenced it",
                    ));
                }
                let envelope = self.envelope::<L>(facts, value, negative, ttl, tags, &observed);
                let mut draft = envelope.inspect_err(|_| self.give_back(observed.clone()))?;
                draft.finish(self.core.config.compression.as_ref());
                let (expected, envelope) = (&observed.expected[..], draft.bytes());
                let server = &remote.server;
                let timer = Timer::start();
                let stored = server.put(&mut budget, Fill { key: self.key, expected, envelope, ttl }).await;
                timer.fill(self.counters);
                self.core.minted.forget(&observed.expected);
                let stored = stored.map_err(|failure| {
                    read::count(self.counters.get(), &failure);
                    failure.into_error()
                })?;
                (stored, envelope.len())
            }
        };
        if stored {
            metrics::stored(self.counters, bytes);
        }
        add(if stored { &self.counters.get().fills } else { &self.counters.get().fills_refused });
        Ok(stored)
    }

    /// [`peek`](Self::peek) for many keys of one cache, in one round trip.
    pub(crate) async fn peek_many<L: Load>(asks: &[Self]) -> Result<Vec<Option<L::Value>>, Error> {
        let Some(first) = asks.first() else { return Ok(Vec::new()) };
        let Store::Redis(remote) = &first.core.store else {
            let mut values = Vec::with_capacity(asks.len());
            for ask in asks {
                values.push(ask.peek::<L>().await?);
            }
            return Ok(values);
        };
        asks.iter().try_for_each(Self::fit)?;
        let question = |ask| Self::question(ask, remote, Self::facts_by_type::<L>(ask));
        let questions: Vec<_> = asks.iter().filter(|ask| !ask.steer.off).map(question).collect();
        metrics::attend(first.core);
        let timer = Timer::start();
        let hits = read::peek_many(&mut first.core.budget(), &questions).await;
        timer.read(first.counters);
        let hits = hits.map_err(|failure| {
            read::count(first.counters.get(), &failure);
            failure.into_error()
        })?;
        let mut hits = hits.into_iter();
        let values = asks.iter().map(|ask| {
            if ask.steer.off {
                add(&ask.counters.get().bypassed);
                return None;
            }
            let hit = hits.next().flatten();
            let taken = hit.and_then(|hit| ask.take::<L>(remote, ask.facts_by_type::<L>(), &hit));
            let value = taken.map(|(value, _)| value);
            if value.is_none() {
                ask.missed();
            }
            value
        });
        Ok(values.collect())
    }
}
