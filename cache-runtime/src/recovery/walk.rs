//! Removal by pattern: a walk over the names at each master.

use std::sync::Arc;

use super::{DELIVERY, first_failure};
use crate::budget::Budget;
use crate::redis::{Failure, Node, Server};

/// How often a walk begins again because its connection was replaced.
const RESTARTS: usize = 10;

/// Removes every entry and stamp of the namespace. Loads under way are refused their fill, because their
/// tokens are entries too.
pub(crate) async fn clear(server: &Arc<Server>) -> Result<u64, Failure> {
    remove_all(server, &server.names.everything(), &|_| true).await
}

/// Removes the names that match.
pub(crate) async fn remove_matching(server: &Arc<Server>, pattern: &str) -> Result<u64, Failure> {
    remove_chosen(server, pattern, &|_| true).await
}

/// Removes those of the names that match which `choose` takes.
pub(crate) async fn remove_chosen(server: &Arc<Server>, pattern: &str, choose: &Choose) -> Result<u64, Failure> {
    remove_all(server, &[pattern.to_owned()], choose).await
}

/// Whether a name is meant.
type Choose = dyn Fn(&str) -> bool + Send + Sync;

async fn remove_all(server: &Arc<Server>, patterns: &[String], choose: &Choose) -> Result<u64, Failure> {
    let walked = walk_everywhere(server, patterns, choose).await;
    // Also after an error: what was removed is removed. What others keep need not be on the server any more.
    let told = server.void_everything_in_process(&mut Budget::new(DELIVERY)).await;
    let removed = walked?;
    told.map(|()| removed)
}

/// In a Cluster twice: what moved meanwhile from a master that was still to be walked to one that had been is met the
/// second time.
async fn walk_everywhere(server: &Arc<Server>, patterns: &[String], choose: &Choose) -> Result<u64, Failure> {
    let mut removed = 0;
    for pass in 0..2 {
        let map = server.map(&mut Budget::new(DELIVERY)).await?;
        if pass > 0 && map.only().is_some() {
            break;
        }
        for node in &map.nodes {
            for pattern in patterns {
                removed += walk(server, node, pattern, choose).await?;
            }
        }
    }
    Ok(removed)
}

/// SCAN returns each name that is there from beginning to end, on one server without a restart; the cursor of one
/// connection means nothing on the next.
async fn walk(server: &Arc<Server>, node: &Arc<Node>, pattern: &str, choose: &Choose) -> Result<u64, Failure> {
    let mut removed = 0;
    for _ in 0..RESTARTS {
        let (mut cursor, mut connection) = (0, None);
        loop {
            // A budget per step: the walk takes as long as there are keys.
            let mut budget = Budget::new(DELIVERY);
            let mut step = server.scan(&mut budget, node, cursor, pattern).await?;
            step.names.retain(|name| choose(name));
            if *connection.get_or_insert(step.connection) != step.connection {
                break;
            }
            removed += first_failure(server.void(&mut budget, &step.names, &[]).await?)?;
            if step.cursor == 0 {
                return Ok(removed);
            }
            cursor = step.cursor;
        }
    }
    Err(Failure::disconnected("the connection was replaced again and again during a walk"))
}
