//! What a load may be stored under, observed before it begins (the second invariant of [`read`](super)): ENSURE behind
//! a READ that was no hit, or whose hit is not wanted; and what another process stores meanwhile.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use super::{Hit, Look, Question, Rare, count};
use crate::budget::Budget;
use crate::entry::{self, Envelope, Expected, History, Stamp};
use crate::local::LocalObservation;
use crate::mutant::Mutant;
use crate::redis::Failure;

/// What was read before a load began.
#[derive(Clone, Debug)]
pub(crate) struct Observed {
    pub(crate) expected: Expected,
    /// Of the key's tags, then of those in `found`.
    pub(crate) stamps: SmallVec<[Stamp; 4]>,
    /// The tags that an earlier result named.
    pub(crate) found: Arc<[String]>,
    /// Of the connection that answered for the entry.
    pub(crate) history: History,
    /// Whether the entry holds the token of another process, which may be about to store.
    pub(crate) theirs: bool,
    /// Whether a mutation is announced: the value is current for this caller, and not to be stored.
    pub(crate) fenced: bool,
    /// What was seen before the READ, if the value may be kept in process.
    pub(crate) seen: Option<LocalObservation>,
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

impl Question<'_> {
    /// ENSURE, behind a READ that was a miss or, with `None`, behind one whose hit is not wanted.
    ///
    /// `named` are the tags that a value named which is known already.
    pub(crate) async fn ask(&self, budget: &mut Budget, missed: Option<Box<Look>>, named: &[String]) -> Found {
        if self.owed() {
            return Found::Trouble;
        }
        match self.try_ask(budget, missed, named).await {
            Ok(Found::Hit(hit)) if self.owes_any(hit.0.found()) => Found::Trouble,
            Ok(found) => found,
            Err(failure) => {
                count(self.counters, &failure);
                Found::Trouble
            }
        }
    }

    async fn try_ask(
        &self,
        budget: &mut Budget,
        missed: Option<Box<Look>>,
        named: &[String],
    ) -> Result<Found, Failure> {
        let server = &self.remote.server;
        let want_hit = missed.is_some();
        let Look { answers, rare, .. } = match missed {
            Some(look) => *look,
            None => self.look(budget).await?,
        };
        let Rare { mut found, mut seen } = rare.map(|rare| *rare).unwrap_or_default();
        let stamp = |name: usize| {
            let held = answers.held(name)?;
            entry::current_stamp(held, answers.witness(name).history())
        };
        let mut stamps: Vec<Option<Stamp>> = (1..answers.len()).map(stamp).collect();
        let mut more = match found.is_empty() {
            true => answers.held(0).map(entry::known_found).unwrap_or_default(),
            false => Vec::new(),
        };
        more.extend(
            named.iter().filter(|tag| !found.contains(tag) && !more.contains(tag)).cloned().collect::<Vec<_>>(),
        );
        if let (Some(local), Some(seen)) = (self.local, &mut seen) {
            local.observe_found(seen, more.clone());
        }
        found.extend(more);
        stamps.resize(self.key.tag_count() + found.len(), None);
        let history = answers.witness(0).history();
        let ensured = server.ensure(budget, self.key, &found, &stamps).await?;
        if ensured.history != history {
            // A failover in between: nothing to store under.
            return Ok(Found::Trouble);
        }
        let in_step = ensured.in_step || self.core.breaks(Mutant::OneSubscriber);
        let seen = seen.filter(|_| in_step);
        if want_hit && let Some(filled) = ensured.held {
            // Filled between READ and ENSURE. Its stamps are compared with those read since this call began.
            let held = ensured.stamps.iter().map(|stamp| Some((stamp.as_slice(), None)));
            if let Some(envelope) = filled.held(0).and_then(Envelope::parse)
                && self.is_valid(envelope, held, &found, history)
            {
                let payload_start = Some(envelope.payload_start());
                let rare = Some(Box::new(Rare { found, seen }));
                return Ok(Found::Hit(Hit(Look { answers: filled, payload_start, rare })));
            }
        }
        let theirs = ensured.theirs && !self.core.minted.contains(&ensured.expected);
        if ensured.ours {
            self.core.minted.insert(&ensured.expected);
        }
        Ok(Found::Miss(Observed {
            expected: ensured.expected,
            stamps: ensured.stamps,
            found: found.into(),
            history,
            theirs,
            fenced: ensured.fenced,
            seen,
        }))
    }

    /// Waits a short while for the fill of another process, whose token the entry holds.
    ///
    /// The value counts only under the stamps that were observed: callers who joined this flight observed them.
    pub(crate) async fn wait_for_fill(&self, budget: &mut Budget, observed: &Observed) -> Option<Hit> {
        let patience = self.core.config.fill_wait.min(budget.left() / 2);
        let waiting = async {
            let mut pause = Duration::from_millis(2);
            // A caller in this process may have set the token, and hear of it a moment after this one.
            tokio::task::yield_now().await;
            loop {
                if self.core.minted.contains(&observed.expected) {
                    return None;
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_millis(20));
                let look = self.look(&mut self.core.budget()).await.ok()?;
                let tags = (1..look.answers.len()).map(|name| look.answers.held(name));
                let same_tags = tags.zip(&observed.stamps).all(|(held, stamp)| held == Some(stamp));
                if look.answers.witness(0).history() != observed.history || !same_tags {
                    return None;
                }
                let loading = look.answers.held(0).is_some_and(|held| entry::expected(held) == observed.expected);
                if !loading {
                    // An invalidation may have failed while this was waiting.
                    return self.hit(look);
                }
            }
        };
        budget.spend(pin!(tokio::time::timeout(patience, pin!(waiting)))).await.ok()?.ok()?
    }
}
