//! FILL: an envelope is stored if the entry still begins with what was observed before the load.

use std::sync::Arc;
use std::time::Duration;

use redis::Value;

use super::command::{Command, Commands, Decimal, decimal};
use super::scatter::{Around, Part, of_one, refused};
use super::void::Void;
use super::{Failure, Server, script};
use crate::budget::Budget;
use crate::entry::History;
use crate::mutant::Mutant;
use crate::{Key, clock};

/// So many fills are quicker as one script than as one each.
const SEVERAL: usize = 4;

/// What is to be stored, if the entry still begins with what is expected.
#[derive(Clone, Copy)]
pub(crate) struct Fill<'a> {
    pub(crate) key: &'a Key,
    pub(crate) expected: &'a [u8],
    pub(crate) envelope: &'a [u8],
    pub(crate) ttl: Duration,
}

impl Fill<'_> {
    fn ttl_ms(&self) -> Decimal {
        decimal(clock::millis(self.ttl))
    }

    fn command(&self, name: &str) -> Command {
        script::on(name, script::FILL, &[self.expected, self.envelope, &self.ttl_ms()])
    }

    /// Stores unconditionally; only the mutant of the checker may.
    fn plain(&self, name: &str) -> Command {
        Command::new("SET", &[name.as_bytes(), self.envelope, b"PX", &self.ttl_ms()])
    }
}

impl Server {
    /// FILL of each, in one request for each master: true if the entry still held what was expected, and holds the
    /// envelope now.
    pub(crate) async fn fill(
        self: &Arc<Self>,
        budget: &mut Budget,
        fills: &[Fill<'_>],
    ) -> Result<Vec<Result<bool, Failure>>, Failure> {
        fills.iter().for_each(|fill| self.entries_live(fill.ttl));
        let names: Vec<String> = fills.iter().map(|fill| self.names.entry(fill.key)).collect();
        if fills.len() < SEVERAL || self.breaks(Mutant::PlainSet) || !self.takes_several(budget).await? {
            return self.fill_apart(budget, fills, &names).await;
        }
        match self.fill_together(budget, fills, &names).await {
            Err(refusal) if refusal.is_of_several_names() => {
                let filled = self.fill_apart(budget, fills, &names).await?;
                self.taken_apart(&refusal);
                Ok(filled)
            }
            answered => answered,
        }
    }

    /// By a script for each.
    async fn fill_apart(
        self: &Arc<Self>,
        budget: &mut Budget,
        fills: &[Fill<'_>],
        names: &[String],
    ) -> Result<Vec<Result<bool, Failure>>, Failure> {
        let is_plain = self.breaks(Mutant::PlainSet);
        let build = |name: usize, _: History, commands: &mut Commands| {
            let (name, fill) = (&names[name], fills[name]);
            commands.add(if is_plain { fill.plain(name) } else { fill.command(name).apart() });
        };
        let parts = self.at_owners(budget, names, &build, Around::Nothing).await?;
        let stored = |part: Result<Part<()>, Failure>| Ok(part?.only()?.number() == 1 || is_plain);
        Ok(parts.into_iter().map(stored).collect())
    }

    /// By one script over all of them, which have one master.
    async fn fill_together(
        self: &Arc<Self>,
        budget: &mut Budget,
        fills: &[Fill<'_>],
        names: &[String],
    ) -> Result<Vec<Result<bool, Failure>>, Failure> {
        let ttls: Vec<Decimal> = fills.iter().map(Fill::ttl_ms).collect();
        let mut arguments: Vec<&[u8]> = Vec::with_capacity(3 * fills.len());
        for (fill, ttl) in fills.iter().zip(&ttls) {
            arguments.extend([fill.expected, fill.envelope, ttl]);
        }
        let script = if self.breaks(Mutant::PlainFills) { script::SET_ALL } else { script::FILLS };
        let build = |_: History| (script::on_all(names, script, &arguments).several(), ());
        // Whose name it is does not matter.
        match self.at_owner(budget, &names[0], &build).await?.accepted()?.value {
            Value::Array(replies) if replies.len() == fills.len() => {
                Ok(replies.iter().map(|reply| refused(reply).map(|()| *reply == Value::Okay)).collect())
            }
            _ => Err(Failure::refused("the server did not answer for each name")),
        }
    }

    /// FILL of a value that is current whatever other processes hold: they are told to ask again.
    pub(crate) async fn put(self: &Arc<Self>, budget: &mut Budget, fill: Fill<'_>) -> Result<bool, Failure> {
        self.entries_live(fill.ttl);
        let name = [self.names.entry(fill.key)];
        let _voided = Void { server: self, names: &name };
        let build = |_: usize, _: History, commands: &mut Commands| commands.add(fill.command(&name[0]));
        let tell = |_: &[usize], commands: &mut Commands| self.publish(&name, commands);
        let parts = self.at_owners(budget, &name, &build, Around::Behind(&tell)).await?;
        Ok(of_one(parts)?.number() == 1)
    }
}
