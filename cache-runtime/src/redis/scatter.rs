//! Commands about several names, each sent to the master that owns the name: one pipeline per master. One command about one
//! name has a shorter way, in `owner`.

use std::sync::Arc;

use redis::Value;
use smallvec::{SmallVec, smallvec};

use super::command::Commands;
use super::node::Node;
use super::request::Witness;
use super::{Failure, Server};
use crate::budget::Budget;
use crate::entry::History;

/// The replies to the commands of one name.
pub(super) struct Part<M> {
    pub(super) values: SmallVec<[Value; 1]>,
    /// What the commands brought along, as they were answered.
    pub(super) brought: M,
    pub(super) witness: Witness,
}

impl<M> Part<M> {
    /// The reply, where there was one command.
    pub(super) fn only(self) -> Result<Reply<M>, Failure> {
        let Self { values, brought, witness } = self;
        let value = values.into_iter().next().ok_or_else(unanswered)?;
        Ok(Reply { value, brought, witness })
    }
}

/// The reply to one command about one name.
pub(super) struct Reply<M> {
    pub(super) value: Value,
    /// What the command brought along, as it was answered.
    pub(super) brought: M,
    pub(super) witness: Witness,
}

impl<M> Reply<M> {
    /// The reply, unless it is an error.
    pub(super) fn accepted(self) -> Result<Self, Failure> {
        refused(&self.value).map(|()| self)
    }

    pub(super) fn number(&self) -> i64 {
        match self.value {
            Value::Int(number) => number,
            _ => 0,
        }
    }
}

/// What is sent to each master behind, or for a mutant before, the commands of its names.
#[derive(Clone, Copy)]
pub(super) enum Around<'a> {
    Nothing,
    Behind(&'a (dyn Fn(&[usize], &mut Commands) + Send + Sync)),
    Before(&'a (dyn Fn(&[usize], &mut Commands) + Send + Sync)),
}

impl Server {
    /// Sends what `build` writes for each of `names` to its master. The result has one part per name; those of a
    /// master that failed fail alone.
    pub(super) async fn at_owners<M: Send>(
        self: &Arc<Self>,
        budget: &mut Budget,
        names: &[String],
        build: &(dyn Fn(usize, History, &mut Commands) -> M + Send + Sync),
        around: Around<'_>,
    ) -> Result<Vec<Result<Part<M>, Failure>>, Failure> {
        let map = self.map(budget).await?;
        if let Some(node) = map.only() {
            let all: SmallVec<[usize; 8]> = (0..names.len()).collect();
            let parts = at_node(node, budget, &all, build, &around, false).await;
            let parts = parts.inspect_err(|failure| self.topology.suspect(failure))?;
            return Ok(parts.into_iter().map(finished).collect());
        }
        #[cfg(not(feature = "cluster"))]
        return Err(Failure::refused("only a Cluster has several masters"));
        #[cfg(feature = "cluster")]
        self.at_several(budget, names, build, around).await
    }
}

/// An error among the replies is the name's failure.
pub(super) fn finished<M>(part: Part<M>) -> Result<Part<M>, Failure> {
    part.values.iter().try_for_each(refused)?;
    Ok(part)
}

/// The reply to the only command about the only name.
pub(super) fn of_one<M>(parts: Vec<Result<Part<M>, Failure>>) -> Result<Reply<M>, Failure> {
    parts.into_iter().next().ok_or_else(unanswered)??.only()
}

/// An error that is a reply is a failure.
pub(super) fn refused(value: &Value) -> Result<(), Failure> {
    match value {
        Value::ServerError(error) => Err(Failure::from(redis::RedisError::from(error.clone()))),
        _ => Ok(()),
    }
}

fn unanswered() -> Failure {
    Failure::refused("the server did not answer for a name")
}

/// The commands of a group of names, at one master, in one pipeline.
pub(super) async fn at_node<M: Send>(
    node: &Arc<Node>,
    budget: &mut Budget,
    group: &[usize],
    build: &(dyn Fn(usize, History, &mut Commands) -> M + Send + Sync),
    around: &Around<'_>,
    asking: bool,
) -> Result<Vec<Part<M>>, Failure> {
    let (values, (counts, brought), witness) = node
        .pipeline(budget, |history, commands| {
            if let Around::Before(write) = around {
                write(group, commands);
            }
            let mut counts: SmallVec<[usize; 8]> = smallvec![commands.kinds().len()];
            let mut brought: SmallVec<[M; 4]> = SmallVec::with_capacity(group.len());
            commands.asking = asking;
            for name in group {
                let before = commands.kinds().len();
                brought.push(build(*name, history, commands));
                counts.push(commands.kinds().len() - before);
            }
            commands.asking = false;
            if let Around::Behind(write) = around {
                write(group, commands);
            }
            (counts, brought)
        })
        .await?;
    let mut values = values.into_iter();
    // What stands around fails the whole group; an error of it has failed the request already.
    values.by_ref().take(counts[0]).for_each(drop);
    let mut parts = Vec::with_capacity(group.len());
    for (count, brought) in counts[1..].iter().zip(brought) {
        let mut own: SmallVec<[Value; 1]> = values.by_ref().take(*count).collect();
        if own.len() != *count {
            return Err(Failure::refused("the server answered a pipeline with another number of replies"));
        }
        if asking {
            own = own.into_iter().skip(1).step_by(2).collect();
        }
        parts.push(Part { values: own, brought, witness });
    }
    Ok(parts)
}
