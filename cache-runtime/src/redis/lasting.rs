//! Names without a lifetime, which none of ours is meant to be.

use std::sync::Arc;

use super::command::{Command, Commands, decimal};
use super::scatter::Around;
use super::{Failure, Server, script};
use crate::budget::Budget;
use crate::entry::History;

/// What `PTTL` says of a name that stays until it is removed.
const FOR_GOOD: i64 = -1;

impl Server {
    /// Those of `names` that the server keeps for good.
    pub(crate) async fn lasting(
        self: &Arc<Self>,
        budget: &mut Budget,
        names: Vec<String>,
    ) -> Result<Vec<String>, Failure> {
        let build = |name: usize, _: History, commands: &mut Commands| {
            commands.add(Command::new("PTTL", &[names[name].as_bytes()]));
        };
        let told = self.numbers(budget, &names, &build).await?;
        Ok(names.into_iter().zip(told).filter(|(_, left)| *left == FOR_GOOD).map(|(name, _)| name).collect())
    }

    /// Gives stamps the lifetime of stamps. Returns the names that hold none.
    pub(crate) async fn renew_all(
        self: &Arc<Self>,
        budget: &mut Budget,
        names: Vec<String>,
    ) -> Result<Vec<String>, Failure> {
        let build = |name: usize, _: History, commands: &mut Commands| {
            let ttl = decimal(self.tag_ttl_ms());
            commands.add(script::on(&names[name], script::RENEW, &[&ttl]));
        };
        let told = self.numbers(budget, &names, &build).await?;
        Ok(names.into_iter().zip(told).filter(|(_, renewed)| *renewed != 1).map(|(name, _)| name).collect())
    }

    /// A number for each name.
    async fn numbers(
        self: &Arc<Self>,
        budget: &mut Budget,
        names: &[String],
        build: &(dyn Fn(usize, History, &mut Commands) + Send + Sync),
    ) -> Result<Vec<i64>, Failure> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let parts = self.at_owners(budget, names, build, Around::Nothing).await?;
        parts.into_iter().map(|part| Ok(part?.only()?.number())).collect()
    }
}
