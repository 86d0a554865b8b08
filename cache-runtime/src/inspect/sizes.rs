//! What entries take on the server.

use serde::{Deserialize, Serialize};

use super::{Inspect, Page, budget, failed};
use crate::Error;
use crate::core::Store;

/// What an entry takes on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Size {
    /// In memory, with what the server needs around it; where it does not tell that, what is stored.
    pub bytes: u64,
    /// How long it has left, in milliseconds; `None`: it stays for ever, which is never the cache's doing.
    pub ttl_ms: Option<u64>,
}

impl Inspect {
    /// What the keys of a page take, in their order, asked in one request: two quick commands for each. `None` for those
    /// that are gone. A cache without a server tells none.
    ///
    /// # Errors
    ///
    /// As [`entries`](Self::entries).
    pub async fn sizes(&self, page: &Page) -> Result<Vec<Option<Size>>, Error> {
        let nothing = vec![None; page.keys.len()];
        let Store::Redis(remote) = &self.core().store else { return Ok(nothing) };
        let server = &remote.server;
        let masters = server.masters(&mut budget()).await.map_err(failed)?;
        let Some(node) = masters.iter().find(|node| node.name == page.master) else { return Ok(nothing) };
        let names: Vec<String> = page.keys.iter().map(|key| server.names.of_text(key)).collect();
        let taken = node.sizes(&mut budget(), &names, true).await.map_err(failed)?;
        let size = |taken: crate::redis::Taken| Size { bytes: taken.bytes, ttl_ms: u64::try_from(taken.ttl_ms).ok() };
        Ok(taken.into_iter().map(|taken| taken.map(size)).collect())
    }
}
