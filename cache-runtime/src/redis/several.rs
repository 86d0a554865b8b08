//! READ where the names are at several masters.

use std::sync::Arc;

use redis::{Pipeline, Value};
use tokio::runtime;

use super::answers::{Answers, reply};
#[cfg(feature = "cluster")]
use super::keyspace::Name;
use super::scatter::Around;
use super::{Failure, Server, topology::Map};
#[cfg(feature = "cluster")]
use super::{Node, answers::Reply, request::Witness};
use crate::budget::Budget;
use crate::entry::History;

impl Server {
    /// One request to each master; if one of them points elsewhere or is in trouble, each name is followed to its owner.
    pub(super) async fn read_at_several(
        self: &Arc<Self>,
        runtime: runtime::Id,
        map: &Map,
        budget: &mut Budget,
        names: &[String],
    ) -> Result<Answers, Failure> {
        #[cfg(feature = "cluster")]
        if let Some(answers) = gathered(runtime, map, budget, names).await {
            return Ok(answers);
        }
        let _ = (map, runtime);
        let get = |name: usize, _: History, pipeline: &mut Pipeline| {
            pipeline.cmd("MGET").arg(&names[name]);
        };
        let mut answers = Vec::with_capacity(names.len());
        for part in self.at_owners(budget, names, &get, Around::Nothing).await? {
            let part = part?;
            let held = match part.values.into_iter().next() {
                Some(Value::Array(values)) => values.into_iter().next().and_then(reply),
                _ => None,
            };
            answers.push((held, part.witness));
        }
        Ok(Answers::of_each(answers.into_iter()))
    }
}

#[cfg(feature = "cluster")]
async fn gathered(runtime: runtime::Id, map: &Map, budget: &mut Budget, names: &[String]) -> Option<Answers> {
    let mut groups: Vec<(&Arc<Node>, Vec<usize>)> = Vec::new();
    for (place, name) in names.iter().enumerate() {
        let owner = map.owner(name).ok()?;
        match groups.iter_mut().find(|(node, _)| Arc::ptr_eq(node, owner)) {
            Some((_, places)) => places.push(place),
            None => groups.push((owner, vec![place])),
        }
    }
    let whole = &*budget;
    let asked = groups.iter().map(|(node, places)| async move {
        let mut share = whole.share();
        let names = places.iter().map(|place| Name::whole(&names[*place]));
        (node.read(runtime, &mut share, names).await, share)
    });
    let told = futures_util::future::join_all(asked).await;
    let mut found: Vec<Option<(Reply, Witness)>> = vec![None; names.len()];
    for ((_, places), (told, share)) in groups.iter().zip(told) {
        budget.keep_least(share);
        let told = told.ok().flatten()?;
        let witnesses = (0..places.len()).map(|name| told.witness(name)).collect::<Vec<_>>();
        for ((place, reply), witness) in places.iter().zip(told.replies).zip(witnesses) {
            found[*place] = Some((reply, witness));
        }
    }
    Some(Answers::of_each(found.into_iter().collect::<Option<Vec<_>>>()?.into_iter()))
}
