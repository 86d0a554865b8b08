//! READ where the names are at several masters.

use std::sync::Arc;

#[cfg(feature = "cluster")]
use super::Node;
use super::answers::{Answers, Told};
use super::command::{Command, Commands};
use super::held::Held;
#[cfg(feature = "cluster")]
use super::keyspace::Name;
use super::mget::Asked;
use super::scatter::Around;
use super::{Failure, Server, topology::Map};
use crate::budget::Budget;
use crate::entry::History;

impl Server {
    /// One request to each master; if one of them points elsewhere, each name is followed to its owner.
    pub(super) async fn read_at_several(
        self: &Arc<Self>,
        map: &Map,
        budget: &mut Budget,
        names: &[String],
    ) -> Result<Answers, Failure> {
        #[cfg(feature = "cluster")]
        if let Some(answers) =
            gathered(map, budget, names).await.inspect_err(|failure| self.topology.suspect(failure))?
        {
            return Ok(answers);
        }
        let _ = map;
        let get = |name: usize, _: History, commands: &mut Commands| {
            commands.add(Command::new("MGET", &[names[name].as_bytes()]));
        };
        let mut answers = Answers::none();
        for part in self.at_owners(budget, names, &get, Around::Nothing).await? {
            let part = part?;
            let held = Held::of_replies(&part.values, Asked::Together(1)).map_err(Failure::from)?;
            answers.extend(Answers::of_one(Told::new(held, part.witness)));
        }
        Ok(answers)
    }
}

/// `None`: one of them is another master's by now, or nobody's.
#[cfg(feature = "cluster")]
async fn gathered(map: &Map, budget: &mut Budget, names: &[String]) -> Result<Option<Answers>, Failure> {
    let mut groups: Vec<(&Arc<Node>, Vec<usize>)> = Vec::new();
    for (place, name) in names.iter().enumerate() {
        let Ok(owner) = map.owner(name) else { return Ok(None) };
        match groups.iter_mut().find(|(node, _)| Arc::ptr_eq(node, owner)) {
            Some((_, places)) => places.push(place),
            None => groups.push((owner, vec![place])),
        }
    }
    let whole = &*budget;
    let asked = groups.iter().map(|(node, places)| async move {
        let mut share = whole.share();
        let names = places.iter().map(|place| Name::whole(&names[*place]));
        (node.read(&mut share, names).await, share)
    });
    let (told, shares): (Vec<_>, Vec<_>) = futures_util::future::join_all(asked).await.into_iter().unzip();
    shares.iter().for_each(|share| budget.keep_least(share));
    let mut answers = Answers::none();
    for told in told {
        match told? {
            Some(more) => answers.extend(more),
            None => return Ok(None),
        }
    }
    Ok(Some(answers.in_order(groups.iter().flat_map(|(_, places)| places.iter().copied()))))
}
