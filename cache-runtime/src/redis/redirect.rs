//! Several masters: who is asked about which name, and what happens when one of them points elsewhere.

use std::sync::Arc;

use super::cluster::Redirect;
use super::command::Commands;
use super::node::Node;
use super::scatter::{Around, Part, at_node, finished};
use super::{Failure, Server};
use crate::budget::Budget;
use crate::entry::History;
use crate::mutant::Mutant;

/// How often the names of one request may be sent elsewhere.
const REDIRECTS: usize = 5;

/// Where a name's commands go next.
enum Next<M> {
    Done(Part<M>),
    Failed(Failure),
    Elsewhere,
    Once(Arc<Node>),
}

impl Server {
    /// Sends each name's commands to its master, and again where that one points.
    pub(super) async fn at_several<M: Send>(
        self: &Arc<Self>,
        budget: &mut Budget,
        names: &[String],
        build: &(dyn Fn(usize, History, &mut Commands) -> M + Send + Sync),
        around: Around<'_>,
    ) -> Result<Vec<Result<Part<M>, Failure>>, Failure> {
        let mut parts: Vec<Option<Result<Part<M>, Failure>>> = names.iter().map(|_| None).collect();
        // To whom each name is to be sent; `None`: whoever the map says.
        let mut open: Vec<(usize, Option<Arc<Node>>)> = (0..names.len()).map(|name| (name, None)).collect();
        let mut trouble = Failure::refused("the Cluster kept pointing elsewhere");
        for attempt in 0..REDIRECTS {
            let alone = attempt > 0 && self.breaks(Mutant::MessageNotRepeated);
            let around = if alone { &Around::Nothing } else { &around };
            let map = match self.map(budget).await {
                Ok(map) => map,
                Err(failure) if attempt == 0 => return Err(failure),
                Err(failure) => {
                    trouble = failure;
                    break;
                }
            };
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
            for (asking, group, answered) in self.all_groups(budget, groups, build, around).await {
                let answered = match answered {
                    Ok(answered) => answered,
                    Err(failure) => {
                        self.topology.suspect(&failure);
                        group.iter().for_each(|name| parts[*name] = Some(Err(failure.clone())));
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
                break;
            }
            // The others were answered, whatever comes of these.
            if moved && let Err(failure) = self.look_again(budget).await {
                trouble = failure;
                break;
            }
        }
        for (name, _) in open {
            parts[name] = Some(Err(trouble.clone()));
        }
        Ok(parts.into_iter().map(|part| part.expect("each name was answered, refused or given up")).collect())
    }

    /// All groups at once; the budget pays for the slowest.
    async fn all_groups<M: Send>(
        self: &Arc<Self>,
        budget: &mut Budget,
        groups: Vec<(Arc<Node>, bool, Vec<usize>)>,
        build: &(dyn Fn(usize, History, &mut Commands) -> M + Send + Sync),
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

    fn redirected<M>(self: &Arc<Self>, node: &Arc<Node>, parts: Vec<Part<M>>) -> Vec<Next<M>> {
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
