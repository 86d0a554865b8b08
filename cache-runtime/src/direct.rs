//! Reading and storing by key, without a load: what `peek`, `put` and the methods of a cache do.

use std::sync::Arc;

use crate::ask::Ask;
use crate::codec::CodecChoice;
use crate::core::Store;
use crate::fill::fill;
use crate::local::Fresh;
use crate::outcome::Load;
use crate::read::{self, Found};
use crate::stats::add;
use crate::{Error, ErrorKind, facts, negative};

impl Ask<'_> {
    fn fit(&self) -> Result<(), Error> {
        match &self.key.unfit {
            Some(problem) => Err(Error::new(ErrorKind::Argument, format!("the key cannot be rendered: {problem}"))),
            None => Ok(()),
        }
    }

    /// The stored value, if it stands.
    pub(crate) async fn peek<L: Load>(&self) -> Result<Option<L::Value>, Error> {
        self.fit()?;
        let facts = facts::facts::<L::Value>(L::Codec::name(self.core.config.codec), self.key.version);
        let counters = self.counters.get();
        let found = match &self.core.store {
            Store::Off => None,
            Store::Local(store) => store.get(self.key, facts.shape).and_then(|entry| {
                let value = entry.value.downcast_ref::<L::Value>().cloned()?;
                add(&counters.local_hits);
                Some(value)
            }),
            Store::Redis(remote) => {
                let question = self.question(remote, facts);
                let hit = question.peek(&mut self.core.budget()).await.map_err(|failure| {
                    read::count(counters, &failure);
                    failure.into_error()
                })?;
                hit.and_then(|hit| self.decode::<L>(&hit))
            }
        };
        if found.is_none() {
            add(&counters.misses);
        }
        Ok(found)
    }

    /// Stores a value as current now; false if an invalidation came in between.
    pub(crate) async fn put<L: Load>(&self, value: &L::Value) -> Result<bool, Error> {
        self.fit()?;
        let facts = facts::facts::<L::Value>(L::Codec::name(self.core.config.codec), self.key.version);
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
        let stored = match &self.core.store {
            Store::Off => false,
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
                store.fill(
                    self.key,
                    store.observe(self.key),
                    Fresh { value: Arc::new(value.clone()), negative, shape: facts.shape, bytes: bytes as u64, ttl },
                )
            }
            Store::Redis(remote) => {
                let question = self.question(remote, facts);
                let mut budget = self.core.budget();
                let Found::Miss(observed) = question.ask(&mut budget, false).await else {
                    let trouble =
                        remote.server.last_trouble().unwrap_or_else(|| "an invalidation of it is owed".into());
                    return Err(Error::new(ErrorKind::Unavailable, format!("the value was not stored: {trouble}")));
                };
                let envelope = self.envelope::<L>(facts, value, negative, ttl, &observed)?;
                let stored = fill(self.core, remote, &mut budget, self.key, &observed, &envelope, ttl).await;
                self.core.minted.forget(&observed.expected);
                stored.map_err(|failure| {
                    read::count(self.counters.get(), &failure);
                    failure.into_error()
                })?
            }
        };
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
        let names = asks.iter().flat_map(|ask| {
            let tags = ask.key.tags().map(|tag| remote.server.names.tag(tag));
            std::iter::once(remote.server.names.entry(ask.key)).chain(tags)
        });
        let names: Vec<String> = names.collect();
        let answered = remote.server.read_many(&mut first.core.budget(), &names).await;
        let (replies, history) = answered.map_err(|failure| {
            read::count(first.counters.get(), &failure);
            failure.into_error()
        })?;
        let mut replies = replies.as_slice();
        let mut values = Vec::with_capacity(asks.len());
        for ask in asks {
            let (mine, rest) = replies.split_at(ask.key.tag_count() + 1);
            replies = rest;
            let facts = facts::facts::<L::Value>(L::Codec::name(ask.core.config.codec), ask.key.version);
            let hit = ask.question(remote, facts).judge(mine, history);
            let value = hit.and_then(|hit| ask.decode::<L>(&hit));
            if value.is_none() {
                add(&ask.counters.get().misses);
            }
            values.push(value);
        }
        Ok(values)
    }
}
