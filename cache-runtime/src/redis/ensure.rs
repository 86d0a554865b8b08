//! ENSURE: an entry holds something to compare with, and every tag has a stamp, before the load begins.
//!
//! By a command where the server has one that does it, and holds nothing but what is ours; else by a script for the name:
//! Redis has `SET` with `NX` and `GET` from 7 on, and neither sets anything in the place of a stamp of another history.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use redis::Value;
use smallvec::{SmallVec, smallvec};

use super::answers::{Answers, Told};
use super::command::{Command, Commands, decimal};
use super::held::Held;
use super::scatter::{Around, Reply};
use super::{Failure, Server, script};
use crate::Key;
use crate::budget::Budget;
use crate::entry::{self, COMPARED, Expected, History, Stamp};
use crate::mutant::Mutant;

/// What an ENSURE found; all of it was read before the load.
#[derive(Debug)]
pub(crate) struct Ensured {
    /// What the entry begins with.
    pub(crate) expected: Expected,
    pub(crate) history: History,
    /// Whether the entry now holds the token that this call brought.
    pub(crate) ours: bool,
    /// Whether it holds somebody else's token: a load is under way elsewhere.
    pub(crate) theirs: bool,
    /// Whether the entry or a tag is fenced: a mutation is under way, and nothing may be stored.
    pub(crate) fenced: bool,
    /// What it holds, if it is none of these.
    pub(crate) held: Option<Answers>,
    pub(crate) stamps: SmallVec<[Stamp; 4]>,
    pub(crate) in_step: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Command,
    Script,
}

/// A token or a stamp.
type Brought = SmallVec<[u8; 16]>;

/// What a name holds now; if that was nothing, what was brought.
type Holds = Reply<Brought>;

impl Holds {
    fn bytes(&self) -> &[u8] {
        match &self.value {
            Value::BulkString(bytes) => bytes,
            Value::Nil => &self.brought,
            _ => &[],
        }
    }

    /// Whether that is of use, as the scripts have it.
    fn is_ours(&self, place: usize) -> bool {
        match place {
            0 => self.bytes().len() >= COMPARED,
            _ => self.stamp().is_some(),
        }
    }

    /// What is observed of a tag. A fence is never equal before and after it changed.
    fn stamp(&self) -> Option<Stamp> {
        let of_a_fence = |state: [u8; 8]| {
            let mut observed = Stamp::default();
            observed[..8].copy_from_slice(&state);
            observed
        };
        let held = self.bytes();
        entry::fence(held).map(of_a_fence).or_else(|| entry::current_stamp(held, self.witness.history()))
    }
}

impl Server {
    /// `found`: the tags that the result names, behind those of the key; `stamps`: what is known of each tag from the READ.
    pub(crate) async fn ensure(
        self: &Arc<Self>,
        budget: &mut Budget,
        key: &Key,
        found: &[String],
        stamps: &[Option<Stamp>],
    ) -> Result<Ensured, Failure> {
        debug_assert_eq!(stamps.len(), key.tag_count() + found.len());
        let tags = key.tags().chain(found.iter().map(String::as_str)).zip(stamps).enumerate();
        let unknown = tags.filter(|(_, (_, stamp))| stamp.is_none());
        let unknown = unknown.map(|(at, (tag, _))| (at + 1, self.names.tag(tag)));
        let (asked, names): (SmallVec<[usize; 4]>, SmallVec<[String; 1]>) =
            std::iter::once((0, self.names.entry(key))).chain(unknown).unzip();
        let by = if self.only_scripts.load(Relaxed) { By::Script } else { By::Command };
        let mut all = self.offer(budget, by, &asked, &names).await?;
        let left = not_done(&asked, &all);
        if by == By::Command && !left.is_empty() {
            Box::pin(self.offer_by_script(budget, &asked, &names, &left, &mut all)).await?;
        }
        let mut stamps: SmallVec<[Option<Stamp>; 4]> = SmallVec::from_slice(stamps);
        let (mut fenced, mut in_step) = (false, true);
        let mut entry = None;
        for (place, holds) in asked.into_iter().zip(all) {
            let holds = holds?;
            in_step &= holds.witness.in_step;
            fenced |= entry::fence(holds.bytes()).is_some();
            match place {
                0 => entry = holds.is_ours(0).then_some(holds),
                _ => stamps[place - 1] = holds.stamp(),
            }
        }
        let stamps: Option<SmallVec<[Stamp; 4]>> = stamps.into_iter().collect();
        let (Some(entry), Some(stamps)) = (entry, stamps) else {
            return Err(Failure::refused("the server took neither a token nor a stamp"));
        };
        let held = entry.bytes();
        let ours = held == &*entry.brought;
        let theirs = !ours && entry::is_token(held);
        let expected = entry::expected(held);
        let is_a_value = !ours && !theirs && !fenced;
        let witness = entry.witness;
        let answer = || Answers::of_one(Told::new(Held::of(held), witness));
        Ok(Ensured {
            expected,
            history: witness.history(),
            ours,
            theirs,
            fenced,
            held: is_a_value.then(answer),
            stamps,
            in_step,
        })
    }

    /// Sets a token or a stamp for each of `names`, unless it holds something.
    async fn offer(
        self: &Arc<Self>,
        budget: &mut Budget,
        by: By,
        asked: &[usize],
        names: &[String],
    ) -> Result<SmallVec<[Result<Holds, Failure>; 1]>, Failure> {
        let reused = self.breaks(Mutant::RetryReusesToken).then(entry::random8);
        let offered = |name: usize, history: History| {
            let id = reused.unwrap_or_else(entry::random8);
            let (brought, ttl, script) = match asked[name] {
                0 => (Brought::from_slice(&entry::token(history, id)), self.token_ttl_ms, script::TOKEN),
                _ => {
                    let id = if self.breaks(Mutant::Counters) { [0; 8] } else { id };
                    (Brought::from_slice(&entry::stamp(history, id)), self.tag_ttl_ms(), script::STAMP)
                }
            };
            let (ttl, name) = (decimal(ttl), &names[name]);
            let command = match by {
                By::Command => Command::new("SET", &[name.as_bytes(), &brought, b"NX", b"GET", b"PX", &ttl]),
                By::Script => script::on(name, script, &[&brought, &ttl]),
            };
            (command, brought)
        };
        // Most tags are known, if there are any.
        if let [name] = names {
            let reply = self.at_owner(budget, name, &|history| offered(0, history)).await?;
            return Ok(smallvec![reply.accepted()]);
        }
        let build = |name: usize, history: History, commands: &mut Commands| {
            let (command, brought) = offered(name, history);
            commands.add(command);
            brought
        };
        let parts = Box::pin(self.at_owners(budget, names, &build, Around::Nothing)).await?;
        Ok(parts.into_iter().map(|part| part?.only()).collect())
    }

    /// The same by script, for those of them that are left.
    async fn offer_by_script(
        self: &Arc<Self>,
        budget: &mut Budget,
        asked: &[usize],
        names: &[String],
        left: &[usize],
        all: &mut [Result<Holds, Failure>],
    ) -> Result<(), Failure> {
        let places: SmallVec<[usize; 4]> = left.iter().map(|at| asked[*at]).collect();
        let names: Vec<String> = left.iter().map(|at| names[*at].clone()).collect();
        let offered = self.offer(budget, By::Script, &places, &names).await?;
        for (at, holds) in left.iter().zip(offered) {
            let unknown = all[*at].as_ref().is_err_and(|failure| failure.is("ERR"));
            if unknown && holds.is_ok() {
                self.only_scripts.store(true, Relaxed);
            }
            all[*at] = holds;
        }
        Ok(())
    }
}

/// Those for which the command did not do.
fn not_done(asked: &[usize], all: &[Result<Holds, Failure>]) -> SmallVec<[usize; 4]> {
    let is_left = |at: &usize| match &all[*at] {
        Ok(holds) => !holds.is_ours(asked[*at]),
        Err(failure) => failure.is_of_the_command(),
    };
    (0..all.len()).filter(is_left).collect()
}
