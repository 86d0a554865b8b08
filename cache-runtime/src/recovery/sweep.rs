//! The walk for keys of ours without a lifetime: what a restore, a `PERSIST` or another program left behind.

use std::ops::AddAssign;
use std::sync::Arc;
use std::time::Duration;

use super::{DELIVERY, first_failure};
use crate::budget::Budget;
use crate::redis::{Failure, Node, Server};

/// What a sweep came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Swept {
    /// Keys of this namespace that were looked at. In a Cluster, some twice.
    pub keys: u64,
    /// Stamps of tags that were given a lifetime.
    pub renewed: u64,
    /// Entries, and whatever else had no lifetime, that were removed.
    pub removed: u64,
}

impl AddAssign for Swept {
    fn add_assign(&mut self, more: Self) {
        self.keys += more.keys;
        self.renewed += more.renewed;
        self.removed += more.removed;
    }
}

/// Looks at every key of the namespace, at most so many in a second.
///
/// A stamp is given a lifetime: to remove it would void all its entries. Anything else is removed as an invalidation does
/// it, which costs a miss: nobody knows for how long it has been there, and by its own lifetime it may be gone.
pub(crate) async fn sweep(server: &Arc<Server>, pace: u32) -> Result<Swept, Failure> {
    let mut swept = Swept::default();
    let map = server.map(&mut Budget::new(DELIVERY)).await?;
    let [entries, tags] = server.names.everything();
    for node in &map.nodes {
        swept += walk(server, node, &entries, pace).await?;
        swept += walk(server, node, &tags, pace).await?;
    }
    Ok(swept)
}

/// What is missed because the connection is replaced is met by the next sweep.
async fn walk(server: &Arc<Server>, node: &Arc<Node>, pattern: &str, pace: u32) -> Result<Swept, Failure> {
    let (mut swept, mut cursor) = (Swept::default(), 0);
    loop {
        let mut budget = Budget::new(DELIVERY);
        let step = server.scan(&mut budget, node, cursor, pattern).await?;
        let keys = step.names.len() as u64;
        let lasting = server.lasting(&mut budget, step.names).await?;
        let found = lasting.len() as u64;
        let others = server.renew_all(&mut budget, lasting).await?;
        let removed = others.len() as u64;
        first_failure(server.void(&mut budget, &others, &[]).await?)?;
        swept += Swept { keys, renewed: found - removed, removed };
        if step.cursor == 0 {
            return Ok(swept);
        }
        cursor = step.cursor;
        // A step asks for so many names, whether or not they are ours.
        tokio::time::sleep(Duration::from_secs_f64(f64::from(Server::SCANNED) / f64::from(pace.max(1)))).await;
    }
}
