//! The read side of the protocol, over bytes: is this a hit? If it is not, [`ensure`] tells what was observed before
//! the load.
//!
//! Invariants:
//! 1. A hit was written in the current history, for this shape and these tags, and every stamp it carries
//!    is what its tag holds.
//! 2. What a load may be stored under was read after the caller came and before the load began.
//! 3. What is kept in process carries counters that were read before its READ was sent, and was read from a server in
//!    whose history the channel is.

mod ensure;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use ensure::{Found, Observed};

use crate::ask::Lifetime;
use crate::budget::Budget;
use crate::core::{Core, Remote};
use crate::entry::{self, Envelope, Expected, History};
use crate::local::{LocalObservation, LocalStore};
use crate::mutant::Mutant;
use crate::redis::{Answers, Cause, Failure};
use crate::stats::{Counters, add};
use crate::{Key, clock};

/// A look that found a valid envelope.
pub(crate) struct Hit(Look);

impl Hit {
    fn bytes(&self) -> &[u8] {
        self.0.answers.held(0).unwrap_or_default()
    }

    pub(crate) fn envelope(&self) -> Envelope<'_> {
        Envelope::parsed(self.bytes(), self.0.payload_start.expect("a hit has an envelope"))
    }

    /// What was seen before it was read, if it may be kept in process.
    pub(crate) fn seen(&self) -> Option<&LocalObservation> {
        self.0.rare.as_ref()?.seen.as_ref()
    }

    /// What it begins with, and the same envelope with a lifetime that begins now.
    pub(crate) fn living_for(self, ttl: Duration) -> (Expected, Vec<u8>) {
        let ttl_ms = clock::millis(self.age().saturating_add(ttl));
        let mut envelope = self.bytes().to_vec();
        entry::live_for(&mut envelope, ttl_ms);
        (entry::expected(&envelope), envelope)
    }

    pub(crate) fn age(&self) -> Duration {
        clock::since(self.envelope().created_ms())
    }

    /// What is left of its ttl, as far as the clocks of two machines agree.
    pub(crate) fn left(&self) -> Duration {
        Duration::from_millis(self.envelope().ttl_ms()).saturating_sub(self.age())
    }
}

/// What a first look found.
pub(crate) enum Sight {
    Hit(Hit),
    Miss(Box<Look>),
    /// As [`Found::Trouble`].
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
    /// Where what is found may be kept in process.
    pub(crate) local: Option<&'a LocalStore>,
    /// How old an entry may be that was given more than that: an operator has said so.
    pub(crate) oldest: Option<Lifetime>,
}

/// What a tag holds, and the history in which that was read unless it has been compared already.
type Held<'a> = Option<(&'a [u8], Option<History>)>;

/// The entry and its tags as the server answered.
pub(crate) struct Look {
    /// Of the entry, the key's tags, and the tags in `found`.
    answers: Answers,
    /// If the entry is a whole envelope.
    payload_start: Option<usize>,
    rare: Option<Box<Rare>>,
}

/// What a look has over an in-process tier, or of an entry whose result named tags. Boxed, since a look is handed on
/// several times, and this would be half of it.
#[derive(Default)]
struct Rare {
    /// The tags that the result named.
    found: Vec<String>,
    /// What was seen before it was read, if it may be kept in process.
    seen: Option<LocalObservation>,
}

impl Look {
    /// Before the tags are asked for that only the entry tells.
    fn new(answers: Answers, seen: Option<LocalObservation>) -> Self {
        let envelope = answers.held(0).and_then(Envelope::parse);
        let found = envelope.map(|envelope| envelope.found()).unwrap_or_default();
        let rare = (seen.is_some() || !found.is_empty()).then(|| Box::new(Rare { found, seen }));
        Self { payload_start: envelope.map(|envelope| envelope.payload_start()), answers, rare }
    }

    /// The tags that the result named.
    fn found(&self) -> &[String] {
        self.rare.as_ref().map_or(&[], |rare| &rare.found)
    }
}

impl Question<'_> {
    /// READ; a miss is left for [`ask`](Self::ask).
    pub(crate) async fn peek(&self, budget: &mut Budget) -> Result<Option<Hit>, Failure> {
        if self.owed() {
            return Ok(None);
        }
        let look = self.look(budget).await?;
        Ok(self.hit(look))
    }

    /// READ, for a hit: all that most calls need, and small, since a future that holds what a miss needs would be
    /// moved about with each call.
    pub(crate) async fn see(&self, budget: &mut Budget) -> Sight {
        if self.owed() {
            return Sight::Trouble;
        }
        match self.look(budget).await {
            Ok(look) if !self.is_hit(&look) => {
                add(&self.counters.misses);
                Sight::Miss(Box::new(look))
            }
            // An invalidation may have failed while this was under way, or one of a tag that only the entry tells earlier.
            Ok(look) if self.owes_any(look.found()) => Sight::Trouble,
            Ok(look) => Sight::Hit(Hit(look)),
            Err(failure) => {
                count(self.counters, &failure);
                Sight::Trouble
            }
        }
    }

    /// Whether the key or a tag of it waits to be invalidated; then this process does not serve it.
    pub(crate) fn owed(&self) -> bool {
        self.owes_any(&[])
    }

    /// The same, for an entry whose result named tags.
    fn owes_any(&self, found: &[String]) -> bool {
        let Remote { server, recovery } = self.remote;
        if recovery.count() == 0 {
            return false;
        }
        // Whatever is owed: the runtime that carried the delivery may be gone.
        recovery.deliver_soon(server);
        let mut tags = self.key.tags().chain(found.iter().map(String::as_str));
        recovery.owes(|owes| owes(&server.names.entry(self.key)) || tags.any(|tag| owes(&server.names.tag(tag))))
    }

    /// READ of the entry and its tags; those that only the entry tells are asked in a second round trip.
    async fn look(&self, budget: &mut Budget) -> Result<Look, Failure> {
        let server = &self.remote.server;
        // Before the READ is sent: what is invalidated from now on must not be kept.
        let seen = self.local.map(|local| local.observe(self.key));
        let mut look = Look::new(server.read(budget, server.names.of(self.key)).await?, seen);
        if let Some(rare) = &mut look.rare {
            let Rare { found, seen } = &mut **rare;
            if !found.is_empty() {
                if let (Some(local), Some(seen)) = (self.local, &mut *seen) {
                    local.observe_found(seen, found.clone());
                }
                let more = server.names.tagged(found.iter().map(String::as_bytes));
                look.answers.extend(Box::pin(server.read(budget, more)).await?);
            }
            if self.core.breaks(Mutant::GenerationsAfterReply) {
                *seen = self.local.map(|local| local.observe(self.key));
            }
            let in_step = look.answers.in_step()
                || self.core.breaks(Mutant::InsertFromOtherHistory)
                || self.core.breaks(Mutant::OneSubscriber);
            if !in_step {
                *seen = None;
            }
        }
        Ok(look)
    }

    /// The hit, unless an invalidation is owed of a tag that only the entry tells.
    fn hit(&self, look: Look) -> Option<Hit> {
        (self.is_hit(&look) && !self.owes_any(look.found())).then_some(Hit(look))
    }

    /// Whether the look found an entry that is valid under what its tags hold.
    fn is_hit(&self, look: &Look) -> bool {
        let Look { answers, payload_start: Some(payload_start), .. } = look else { return false };
        let envelope = Envelope::parsed(answers.held(0).unwrap_or_default(), *payload_start);
        let tag = |name: usize| Some((answers.held(name)?, Some(answers.witness(name).history())));
        self.is_valid(envelope, (1..answers.len()).map(tag), look.found(), answers.witness(0).history())
    }

    /// Whether an entry is a hit, given what its tags hold.
    fn is_valid<'h>(
        &self,
        envelope: Envelope<'_>,
        tags: impl ExactSizeIterator<Item = Held<'h>>,
        found: &[String],
        history: History,
    ) -> bool {
        let stands = |(carried, held): (&[u8], Held<'_>)| {
            held.is_some_and(|(held, read_in)| {
                held == carried && read_in.is_none_or(|read_in| self.current(&held[..4], read_in))
            })
        };
        self.current(envelope.history(), history)
            && self.shape.is_none_or(|shape| shape == envelope.shape())
            && self.oldest.is_none_or(|oldest| is_young(&envelope, oldest))
            && envelope.tagset() == self.key.tagset()
            && envelope.found() == found
            && envelope.stamp_count() == tags.len()
            && envelope.stamps().zip(tags).all(stands)
    }

    fn current(&self, written: &[u8], now: History) -> bool {
        if self.core.breaks(Mutant::NoHistory) {
            return true;
        }
        written == now
    }
}

/// Whether an entry would still be there, had it been given what entries are given now. By the clocks of two machines, and
/// therefore only where it was given more.
pub(crate) fn is_young(envelope: &Envelope<'_>, oldest: Lifetime) -> bool {
    let Some(limit) = oldest.of(envelope.negative()).map(clock::millis) else { return true };
    envelope.ttl_ms() <= limit || clock::unix_millis().saturating_sub(envelope.created_ms()) < limit
}

/// The hits for many questions at once, in one round trip, and one more if entries carry tags that only they tell;
/// what is owed is no hit.
pub(crate) async fn peek_many(budget: &mut Budget, questions: &[Question<'_>]) -> Result<Vec<Option<Hit>>, Failure> {
    let Some(first) = questions.first() else { return Ok(Vec::new()) };
    let server = &first.remote.server;
    let owed: Vec<bool> = questions.iter().map(Question::owed).collect();
    let names = questions.iter().flat_map(|question| server.names.of(question.key));
    let counts = questions.iter().map(|question| question.key.tag_count() + 1);
    let mut looks: Vec<Look> =
        server.read(budget, names).await?.deal(counts).map(|answers| Look::new(answers, None)).collect();
    if looks.iter().any(|look| !look.found().is_empty()) {
        let more = server.names.tagged(looks.iter().flat_map(Look::found).map(String::as_bytes));
        let told = server.read(budget, more).await?;
        let told: Vec<Answers> = told.deal(looks.iter().map(|look| look.found().len())).collect();
        looks.iter_mut().zip(told).for_each(|(look, told)| look.answers.extend(told));
    }
    let hit = |((question, look), owed): ((&Question<'_>, Look), bool)| if owed { None } else { question.hit(look) };
    Ok(questions.iter().zip(looks).zip(owed).map(hit).collect())
}

pub(crate) fn count(counters: &Counters, failure: &Failure) {
    match failure.cause {
        Cause::Open => {}
        Cause::Timeout => add(&counters.timeouts),
        Cause::Disconnected => add(&counters.disconnects),
        Cause::Refused => add(&counters.refusals),
    }
}
