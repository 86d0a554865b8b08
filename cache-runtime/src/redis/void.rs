//! What voids: names are removed and the other processes told, as one unit, and this process does not serve them either.

use std::convert::identity;
use std::sync::Arc;

use redis::Value;
use smallvec::SmallVec;

use super::command::{Command, Commands, decimal};
use super::scatter::{Around, Part};
use super::server::CHUNK;
use super::{Failure, Server, message, script};
use crate::budget::Budget;
use crate::entry::{self, History, Nonce};
use crate::mutant::Mutant;

/// What became of names that were to be removed.
#[derive(Debug, Default)]
pub(crate) struct Voided {
    pub(crate) removed: u64,
    /// By index; the others are void everywhere.
    pub(crate) failed: Vec<(usize, Failure)>,
}

impl Voided {
    fn of(parts: Vec<Result<Part<()>, Failure>>) -> Self {
        let mut voided = Self::default();
        for (name, part) in parts.into_iter().enumerate() {
            match part.map(|part| part.values.into_iter().next()) {
                Ok(Some(Value::Int(number))) => voided.removed += u64::try_from(number).unwrap_or(0),
                Ok(_) => {}
                Err(failure) => voided.failed.push((name, failure)),
            }
        }
        voided
    }
}

impl Server {
    /// INVALIDATE: removes names and tells the others, as one unit. `released`: the fences that end with it.
    ///
    /// When this returns, or is dropped, the names are void in this process, whatever the server answered.
    pub(crate) async fn void(
        self: &Arc<Self>,
        budget: &mut Budget,
        names: &[String],
        released: &[Nonce],
    ) -> Result<Voided, Failure> {
        if names.is_empty() {
            return Ok(Voided::default());
        }
        let guard = Void { server: self, names };
        if self.breaks(Mutant::OwnBumpBeforeOnly) {
            guard.bump();
        }
        let released = released.concat();
        let tell = |group: &[usize], commands: &mut Commands| {
            group.chunks(CHUNK).for_each(|chunk| {
                let named: SmallVec<[&str; 4]> = chunk.iter().map(|name| names[*name].as_str()).collect();
                self.publish(&named, commands);
            });
        };
        let around = match () {
            () if self.breaks(Mutant::PublishBeforeUnlink) => Around::Before(&tell),
            () if self.breaks(Mutant::NoPublish) => Around::Nothing,
            () => Around::Behind(&tell),
        };
        let voided = self.void_at_owners(budget, names, &released, around).await;
        drop(guard);
        voided
    }

    async fn void_at_owners(
        self: &Arc<Self>,
        budget: &mut Budget,
        names: &[String],
        released: &[u8],
        around: Around<'_>,
    ) -> Result<Voided, Failure> {
        if names.len() == 1 || !self.takes_several(budget).await? {
            return Ok(Voided::of(self.void_by(1, identity, budget, names, released, around).await?));
        }
        // A script's answer stands at the first of its names.
        let parts = self.void_by(CHUNK, Command::several, budget, names, released, around).await?;
        let several =
            |part: &Result<_, Failure>| part.as_ref().err().filter(|failure| failure.is_of_several_names()).cloned();
        let Some(refusal) = parts.iter().find_map(several) else { return Ok(Voided::of(parts)) };
        let mut voided = Voided::of(self.void_by(1, Command::apart, budget, names, released, around).await?);
        self.taken_apart(&refusal);
        // By those that were not refused.
        voided.removed += Voided::of(parts).removed;
        Ok(voided)
    }

    /// So many names to a script, which is sent as what `how` makes of it.
    async fn void_by(
        self: &Arc<Self>,
        together: usize,
        how: fn(Command) -> Command,
        budget: &mut Budget,
        names: &[String],
        released: &[u8],
        around: Around<'_>,
    ) -> Result<Vec<Result<Part<()>, Failure>>, Failure> {
        let script = if self.breaks(Mutant::Counters) { script::COUNT_UP } else { script::VOID };
        let build = |name: usize, _: History, commands: &mut Commands| {
            if name.is_multiple_of(together) {
                let chunk = &names[name..names.len().min(name + together)];
                commands.add(how(script::on_all(chunk, script, &[&entry::random8(), released])));
            }
        };
        self.at_owners(budget, names, &build, around).await
    }

    /// FENCE: until the nonce is released, or its ttl has passed, nothing is stored under these names.
    pub(crate) async fn fence(
        self: &Arc<Self>,
        budget: &mut Budget,
        names: &[String],
        nonce: &Nonce,
    ) -> Result<(), Failure> {
        let _voided = Void { server: self, names };
        let build = |name: usize, _: History, commands: &mut Commands| {
            let (state, ttl) = (entry::random8(), decimal(self.fence_ttl_ms));
            commands.add(script::on(&names[name], script::FENCE, &[&state, nonce, &ttl]));
        };
        // Told as well: what is kept in process must not outlive a mutator who dies.
        let tell = |group: &[usize], commands: &mut Commands| {
            let named: SmallVec<[&str; 4]> = group.iter().map(|name| names[*name].as_str()).collect();
            self.publish(&named, commands);
        };
        let parts = self.at_owners(budget, names, &build, Around::Behind(&tell)).await?;
        parts.into_iter().try_for_each(|part| part.map(drop))
    }

    pub(super) fn publish(&self, names: &[impl AsRef<str>], commands: &mut Commands) {
        let hashes: SmallVec<[u64; 8]> = names.iter().map(|name| self.names.hash(name.as_ref())).collect();
        commands.add(self.news(&hashes));
    }

    fn news(&self, hashes: &[u64]) -> Command {
        Command::new("PUBLISH", &[self.names.bus().as_bytes(), &message::write(hashes)])
    }

    /// Tells everybody that everything kept in process is void, after a removal by pattern: what was kept need not
    /// be on the server any more.
    pub(crate) async fn void_everything_in_process(self: &Arc<Self>, budget: &mut Budget) -> Result<(), Failure> {
        let map = self.map(budget).await;
        let told = async {
            let mut told = Ok(());
            // By each of them: one that is dead does not keep the others from being told.
            for node in &map?.nodes {
                let sent = node.pipeline(budget, |_, commands| commands.add(self.news(&[])));
                told = told.and(sent.await.map(drop));
            }
            told
        };
        let told = told.await;
        if let Some(local) = &self.local {
            local.new_epoch();
        }
        told
    }
}

/// Names that are void in this process when this is dropped: after the answer of the server, also an error, and
/// before the call returns. Before the answer would be too early: a read in between would keep what it found.
pub(super) struct Void<'a> {
    pub(super) server: &'a Server,
    pub(super) names: &'a [String],
}

impl Void<'_> {
    fn bump(&self) {
        if let Some(local) = &self.server.local {
            self.names.iter().for_each(|name| local.void_hash(self.server.names.hash(name)));
        }
    }
}

impl Drop for Void<'_> {
    fn drop(&mut self) {
        if !self.server.breaks(Mutant::OwnBumpBeforeOnly) && !self.server.breaks(Mutant::NoOwnBump) {
            self.bump();
        }
    }
}
