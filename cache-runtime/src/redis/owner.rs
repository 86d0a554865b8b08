//! One command, sent to the master that owns its name: what most requests are that somebody waits for.

use std::slice;
use std::sync::Arc;

use redis::Value;

use super::command::{Command, Commands};
use super::failure::points_elsewhere;
use super::node::Node;
use super::scatter::{Around, Reply, of_one};
use super::topology::Map;
use super::{Failure, Server};
use crate::budget::Budget;
use crate::entry::History;

impl Server {
    /// Sends what `build` writes for a name to its master. The reply may be an error; it is not one that points elsewhere.
    ///
    /// A `&String`: what is sent elsewhere goes the way of several names.
    pub(super) async fn at_owner<M: Send>(
        self: &Arc<Self>,
        budget: &mut Budget,
        name: &String,
        build: &(dyn Fn(History) -> (Command, M) + Send + Sync),
    ) -> Result<Reply<M>, Failure> {
        let Some(node) = self.topology.fixed().and_then(Map::only) else {
            return Box::pin(self.at_owner_by_map(budget, name, build)).await;
        };
        self.attend(node);
        self.at(node, budget, build).await
    }

    async fn at_owner_by_map<M: Send>(
        self: &Arc<Self>,
        budget: &mut Budget,
        name: &String,
        build: &(dyn Fn(History) -> (Command, M) + Send + Sync),
    ) -> Result<Reply<M>, Failure> {
        let map = self.map(budget).await?;
        let reply = self.at(map.owner(name)?, budget, build).await?;
        match &reply.value {
            // Asked there once more: this is seldom, and who follows it has to know the rest.
            Value::ServerError(error) if points_elsewhere(error) => {
                let build = |_: usize, history: History, commands: &mut Commands| {
                    let (command, brought) = build(history);
                    commands.add(command);
                    brought
                };
                of_one(self.at_owners(budget, slice::from_ref(name), &build, Around::Nothing).await?)
            }
            _ => Ok(reply),
        }
    }

    async fn at<M: Send>(
        &self,
        node: &Arc<Node>,
        budget: &mut Budget,
        build: &(dyn Fn(History) -> (Command, M) + Send + Sync),
    ) -> Result<Reply<M>, Failure> {
        let answered = node.command(budget, build).await;
        let (value, brought, witness) = answered.inspect_err(|failure| self.topology.suspect(failure))?;
        Ok(Reply { value, brought, witness })
    }
}
