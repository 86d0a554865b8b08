//! Commands about several names, each sent to the master that owns the name: one pipeline per master.

use std::sync::Arc;

use redis::{Pipeline, Value};

use super::node::Node;
use super::request::Witness;
use super::{Failure, Server};
use crate::budget::Budget;
use crate::entry::History;

/// How often the names of one request may be sent elsewhere.
#[cfg(feature = "cluster")]
const REDIRECTS: usize = 5;

/// The replies to the commands of one name.
pub(super) struct Part<M> {
    pub(super) values: Vec<Value>,
    /// What the commands brought along, as they were answered.
    pub(super) brought: M,
    pub(super) witness: Witness,
}

/// What is sent to each master behind, or for a mutant before, the commands of its names.
pub(super) enum Around<'a> {
    Nothing,
    Behind(&'a (dyn Fn(&[usize], &mut Pipeline) + Send + Sync)),
    #[cfg(feature = "mutants")]
    Before(&'a (dyn Fn(&[usize], &mut Pipeline) + Send + Sync)),
}

/// Where a name's commands go next.
enum Next<M> {
    Done(Part<M>),
    Failed(Failure),
    Elsewhere,
    #[cfg(feature = "cluster")]
    Once(Arc<Node>),
}

impl Server {
    /// Sends what `build` writes for each of `names` to its master. The result has one part per name; those of a
    /// master that failed fail alone.
    pub(super) async fn at_owners<M: Send>(
        self: &Arc<Self>,
        budget: &mut Budget,
        names: &[String],
        build: &(dyn Fn(usize, History, &mut Pipeline) -> M + Send + Sync),
        around: Around<'_>,
    ) -> Result<Vec<Result<Part<M>, Failure>>, Failure> {
        let map = self.map(budget).await?;
        if let Some(node) = map.only() {
            let all: Vec<usize> = (0..names.len()).collect();
            let parts = at_node(node, budget, &all, build, &around, false).await?;
            return Ok(parts.into_iter().map(finished).collect());
        }
        self.at_several(budget, names, build, around).await
    }

    #[cfg(not(feature = "cluster"))]
    async fn at_several<M: Send>(
        self: &Arc<Self>,
        _: &mut Budget,
        _: &[String],
        _: &(dyn Fn(usize, History, &mut Pipeline) -> M + Send + Sync),
        _: Around<'_>,
    ) -> Result<Vec<Result<Part<M>, Failure>>, Failure> {
        Err(Failure::refused("only a Cluster has several masters"))
    }

    #[cfg(feature = "cluster")]
    async fn at_several<M: Send>(
        self: &Arc<Self>,
        budget: &mut Budget,
        names: &[String],
        build: &(dyn Fn(usize, History, &mut Pipeline) -> M + Send + Sync),
        around: Around<'_>,
    ) -> Result<Vec<Result<Part<M>, Failure>>, Failure> {
        let mut parts: Vec<Option<Result<Part<M>, Failure>>> = names.iter().map(|_| None).collect();
        // To whom each name is to be sent; `None`: whoever the map says.
        let mut open: Vec<(usize, Option<Arc<Node>>)> = (0..names.len()).map(|name| (name, None)).collect();
        for _ in 0..REDIRECTS {
            let map = self.map(budget).await?;
            let mut groups: Vec<(Arc<Node>, bool, Vec<usize>)> = Vec::new();
            for (name, once) in open.drain(..) {
                let asking = once.is_some();
                let node = match once {
                    Some(node) => node,
                    None => match map.owner(&names[name]) {
                        Ok(node) => Arc::clone(node),
                        Err(failure) => {
                            parts[name] = Some(Err(failure));
                            continue;
                        }
                    },
                };
                match groups.iter_mut().find(|(known, asks, _)| *asks == asking && Arc::ptr_eq(known, &node)) {
                    Some((.., group)) => group.push(name),
                    None => groups.push((node, asking, vec![name])),
                }
            }
            let mut moved = false;
            for (asking, group, answered) in self.all_groups(budget, groups, build, &around).await {
                let answered = match answered {
                    Ok(answered) => answered,
                    Err(failure) => {
                        group.iter().for_each(|name| parts[*name] = Some(Err(failure.clone())));
                        moved = true;
                        continue;
                    }
                };
                for (name, next) in group.into_iter().zip(answered) {
                    match next {
                        Next::Done(part) => parts[name] = Some(Ok(part)),
                        Next::Failed(failure) => parts[name] = Some(Err(failure)),
                        Next::Once(node) => open.push((name, Some(node))),
                        Next::Elsewhere => {
                            moved |= !asking;
                            open.push((name, None));
                        }
                    }
                }
            }
            if open.is_empty() {
                if moved {
                    self.topology.ask_again();
                }
                break;
            }
            if moved {
                self.look_again(budget).await?;
            }
        }
        for (name, _) in open {
            parts[name] = Some(Err(Failure::refused("the Cluster kept pointing elsewhere")));
        }
        Ok(parts.into_iter().map(|part| part.expect("each name was answered, refused or given up")).collect())
    }

    /// All groups at once; the budget pays for the slowest.
    #[cfg(feature = "cluster")]
    async fn all_groups<M: Send>(
        self: &Arc<Self>,
        budget: &mut Budget,
        groups: Vec<(Arc<Node>, bool, Vec<usize>)>,
        build: &(dyn Fn(usize, History, &mut Pipeline) -> M + Send + Sync),
        around: &Around<'_>,
    ) -> Vec<(bool, Vec<usize>, Result<Vec<Next<M>>, Failure>)> {
        let asked = groups.into_iter().map(|(node, asking, group)| {
            let mut budget = budget.share();
            async move {
                let answered = at_node(&node, &mut budget, &group, build, around, asking).await;
                let answered = match answered {
                    Ok(parts) => Ok(self.redirected(&node, parts)),
                    Err(failure) => Err(failure),
                };
                (budget, asking, group, answered)
            }
        });
        let answered = futures_util::future::join_all(asked).await;
        let spent = answered.into_iter().map(|(left, asking, group, answered)| {
            budget.keep_least(&left);
            (asking, group, answered)
        });
        spent.collect()
    }

    #[cfg(feature = "cluster")]
    fn redirected<M>(self: &Arc<Self>, node: &Arc<Node>, parts: Vec<Part<M>>) -> Vec<Next<M>> {
        use super::cluster::Redirect;

        let next = |part: Part<M>| match part.values.iter().find_map(Redirect::read) {
            None => match finished(part) {
                Ok(part) => Next::Done(part),
                Err(failure) => Next::Failed(failure),
            },
            Some(Redirect::Moved | Redirect::TryAgain) => Next::Elsewhere,
            Some(Redirect::Ask(host, port)) => {
                let host = if host.is_empty() { None } else { Some(host) };
                match self.topology.by_address(node, host.as_deref(), port) {
                    Some(target) => Next::Once(target),
                    // A node without slots so far: the next look knows it.
                    None => Next::Elsewhere,
                }
            }
        };
        parts.into_iter().map(next).collect()
    }
}

/// An error among the replies is the name's failure.
fn finished<M>(part: Part<M>) -> Result<Part<M>, Failure> {
    for value in &part.values {
        if let Value::ServerError(error) = value {
            return Err(Failure::from(redis::RedisError::from(error.clone())));
        }
    }
    Ok(part)
}

/// The commands of a group of names, at one master, in one pipeline.
async fn at_node<M: Send>(
    node: &Arc<Node>,
    budget: &mut Budget,
    group: &[usize],
    build: &(dyn Fn(usize, History, &mut Pipeline) -> M + Send + Sync),
    around: &Around<'_>,
    asking: bool,
) -> Result<Vec<Part<M>>, Failure> {
    let (values, (counts, brought), witness) = node
        .pipeline(budget, |history, pipeline| {
            #[cfg(feature = "mutants")]
            if let Around::Before(write) = around {
                write(group, pipeline);
            }
            let mut counts = vec![pipeline.len()];
            let mut brought = Vec::with_capacity(group.len());
            for name in group {
                let before = pipeline.len();
                if asking {
                    // Holds for the next command only.
                    let mut alone = redis::pipe();
                    brought.push(build(*name, history, &mut alone));
                    for command in alone.cmd_iter() {
                        pipeline.cmd("ASKING");
                        pipeline.add_command(command.clone());
                    }
                } else {
                    brought.push(build(*name, history, pipeline));
                }
                counts.push(pipeline.len() - before);
            }
            if let Around::Behind(write) = around {
                write(group, pipeline);
            }
            (counts, brought)
        })
        .await?;
    let mut values = values.into_iter();
    // What stands around fails the whole group; an error of it has failed the request already.
    values.by_ref().take(counts[0]).for_each(drop);
    let mut parts = Vec::with_capacity(group.len());
    for (count, brought) in counts[1..].iter().zip(brought) {
        let mut own: Vec<Value> = values.by_ref().take(*count).collect();
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
