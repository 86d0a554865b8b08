//! The read side of the protocol, over bytes: is this a hit, and if not, what was observed before the load?
//!
//! Invariants:
//! 1. A hit was written in the current history, for this shape and these tags, and every stamp it carries
//!    is what its tag holds.
//! 2. What a load may be stored under was read after the caller came and before the load began.

use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use crate::budget::Budget;
use crate::core::{Core, Remote};
use crate::entry::{self, Envelope, Expected, History, Stamp};
use crate::redis::{Cause, Failure};
use crate::stats::{Counters, add};
use crate::{Key, clock};

/// A valid envelope.
pub(crate) struct Hit {
    envelope: Vec<u8>,
    payload_start: usize,
    pub(crate) negative: bool,
    pub(crate) created_ms: u64,
}

impl Hit {
    pub(crate) fn payload(&self) -> &[u8] {
        &self.envelope[self.payload_start..]
    }

    pub(crate) fn length(&self) -> usize {
        self.envelope.len()
    }

    pub(crate) fn age(&self) -> Duration {
        Duration::from_millis(clock::unix_millis().saturating_sub(self.created_ms))
    }
}

/// What was read before a load began.
#[derive(Clone, Debug)]
pub(crate) struct Observed {
    pub(crate) expected: Expected,
    pub(crate) stamps: SmallVec<[Stamp; 4]>,
    pub(crate) history: History,
    /// Whether the entry holds the token of another process, which may be about to store.
    pub(crate) theirs: bool,
}

impl Observed {
    pub(crate) fn bytes(&self) -> SmallVec<[u8; 64]> {
        let mut bytes = SmallVec::from_slice(&self.expected);
        bytes.extend_from_slice(&self.history);
        self.stamps.iter().for_each(|stamp| bytes.extend_from_slice(stamp));
        bytes
    }
}

pub(crate) enum Found {
    Hit(Hit),
    Miss(Observed),
    /// The server is in trouble, or the names are owed an invalidation: load, and store nothing.
    Trouble,
}

/// One question to the server, with what is needed to judge the answer.
pub(crate) struct Question<'a> {
    pub(crate) core: &'a Arc<Core>,
    pub(crate) remote: &'a Remote,
    pub(crate) key: &'a Key,
    /// `None`: whatever type the entry holds.
    pub(crate) shape: Option<u64>,
    pub(crate) counters: &'a Counters,
}

impl Question<'_> {
    /// READ; a miss is left for [`observe`](Self::observe).
    pub(crate) async fn peek(&self, budget: &mut Budget) -> Result<Option<Hit>, Failure> {
        if self.owed() {
            return Ok(None);
        }
        let (mut replies, history) = self.remote.server.read(budget, self.key).await?;
        let held = replies[0].take();
        Ok(self.valid(held, &replies[1..], history).filter(|_| !self.owed()))
    }

    /// The hit in replies that were read together with others.
    pub(crate) fn judge(&self, replies: &[Option<Vec<u8>>], history: History) -> Option<Hit> {
        self.valid(replies[0].clone(), &replies[1..], history).filter(|_| !self.owed())
    }

    /// READ, and on a miss (or where a hit is not wanted) ENSURE.
    pub(crate) async fn ask(&self, budget: &mut Budget, want_hit: bool) -> Found {
        if self.owed() {
            return Found::Trouble;
        }
        match self.try_ask(budget, want_hit).await {
            // An invalidation may have failed while this was under way.
            Ok(Found::Hit(_)) if self.owed() => Found::Trouble,
            Ok(found) => found,
            Err(failure) => {
                count(self.counters, &failure);
                Found::Trouble
            }
        }
    }

    fn owed(&self) -> bool {
        let Remote { server, recovery } = self.remote;
        let owed = recovery.owes(|owes| {
            owes(&server.names.entry(self.key)) || self.key.tags().any(|tag| owes(&server.names.tag(tag)))
        });
        if owed {
            recovery.deliver_soon(server);
        }
        owed
    }

    async fn try_ask(&self, budget: &mut Budget, want_hit: bool) -> Result<Found, Failure> {
        let server = &self.remote.server;
        let (mut replies, history) = server.read(budget, self.key).await?;
        let held = replies[0].take();
        if want_hit {
            if let Some(hit) = self.valid(held, &replies[1..], history) {
                return Ok(Found::Hit(hit));
            }
            add(&self.counters.misses);
        }
        let ensured = server.ensure(budget, self.key, &replies[1..], history).await?;
        let stamps: Option<SmallVec<[Stamp; 4]>> = ensured.stamps.into_iter().collect();
        let (Some(stamps), Some(expected)) = (stamps, ensured.expected) else {
            // Stamps that vanish at once (eviction) or a failover in between: nothing to store under.
            return Ok(Found::Trouble);
        };
        if want_hit && let Some(filled) = ensured.held {
            // Filled between READ and ENSURE. Its stamps are compared with those read since this call began.
            let replies: SmallVec<[_; 4]> = stamps.iter().map(|stamp| Some(stamp.to_vec())).collect();
            if let Some(hit) = self.valid(Some(filled), &replies, history) {
                return Ok(Found::Hit(hit));
            }
        }
        let theirs = ensured.theirs && !self.core.minted.contains(&expected);
        if ensured.ours {
            self.core.minted.insert(&expected);
        }
        Ok(Found::Miss(Observed { expected, stamps, history, theirs }))
    }

    fn valid(&self, held: Option<Vec<u8>>, tags: &[Option<Vec<u8>>], history: History) -> Option<Hit> {
        let bytes = held?;
        let envelope = Envelope::parse(&bytes)?;
        let fits = self.current(envelope.history(), history)
            && self.shape.is_none_or(|shape| shape == envelope.shape())
            && envelope.tagset() == self.key.tagset()
            && envelope.stamp_count() == tags.len()
            && envelope.stamps().zip(tags).all(|(carried, held)| {
                held.as_deref().is_some_and(|held| held == carried && self.current(&held[..4], history))
            });
        if !fits {
            return None;
        }
        let (negative, created_ms) = (envelope.negative(), envelope.created_ms());
        let payload_start = bytes.len() - envelope.payload().len();
        Some(Hit { envelope: bytes, payload_start, negative, created_ms })
    }

    fn current(&self, written: &[u8], now: History) -> bool {
        #[cfg(feature = "mutants")]
        if self.core.breaks(crate::mutant::Mutant::NoHistory) {
            return true;
        }
        written == now
    }

    /// Waits a short while for the fill of another process, whose token the entry holds.
    ///
    /// The value counts only under the stamps that were observed: callers who joined this flight observed them.
    pub(crate) async fn wait_for_fill(&self, budget: &mut Budget, observed: &Observed) -> Option<Hit> {
        let patience = self.core.config.fill_wait.min(budget.left() / 2);
        let waiting = async {
            let mut pause = Duration::from_millis(2);
            loop {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_millis(20));
                let mut budget = self.core.budget();
                let (mut replies, history) = self.remote.server.read(&mut budget, self.key).await.ok()?;
                let held = replies[0].take();
                let same_tags =
                    replies[1..].iter().zip(&observed.stamps).all(|(held, stamp)| held.as_deref() == Some(stamp));
                if history != observed.history || !same_tags {
                    return None;
                }
                let loading = held.as_deref().is_some_and(|held| entry::expected(held) == observed.expected);
                if !loading {
                    return self.valid(held, &replies[1..], history);
                }
            }
        };
        budget.spend(tokio::time::timeout(patience, waiting)).await.ok()?.ok()?
    }
}

pub(crate) fn count(counters: &Counters, failure: &Failure) {
    match failure.cause {
        Cause::Open => {}
        Cause::Timeout => add(&counters.timeouts),
        Cause::Disconnected => add(&counters.disconnects),
        Cause::Refused => add(&counters.refusals),
    }
}
