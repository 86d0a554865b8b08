//! What entries and tags take on the server, and what is under each key, a page at a time.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Held, Inspect, Page, budget, failed};
use crate::core::Store;
use crate::redis::{Node, Taken};
use crate::{Error, entry};

/// What an entry or a tag takes on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Size {
    /// In memory, with what the server needs around it; where it does not tell that, what is stored.
    pub bytes: u64,
    /// How long it has left, in milliseconds; `None`: it stays for ever, which is never the cache's doing.
    pub ttl_ms: Option<u64>,
}

impl Inspect {
    /// What the keys or tags of a page take, in their order, asked in one request: two quick commands for each. `None` for
    /// those that are gone. A cache without a server tells none.
    ///
    /// # Errors
    ///
    /// As [`entries`](Self::entries).
    pub async fn sizes(&self, page: &Page) -> Result<Vec<Option<Size>>, Error> {
        let Some((node, names)) = self.of_page(page).await? else { return Ok(vec![None; page.keys.len()]) };
        let taken = node.sizes(&mut budget(), &names, true).await.map_err(failed)?;
        let size = |taken: Taken| Size { bytes: taken.bytes, ttl_ms: u64::try_from(taken.ttl_ms).ok() };
        Ok(taken.into_iter().map(|taken| taken.map(size)).collect())
    }

    /// What is under each key of a page, in their order, going by how it begins. A cache without a server tells nothing.
    ///
    /// # Errors
    ///
    /// As [`entries`](Self::entries).
    pub async fn held(&self, page: &Page) -> Result<Vec<Held>, Error> {
        let Some((node, names)) = self.of_page(page).await? else { return Ok(vec![Held::Nothing; page.keys.len()]) };
        let heads = node.heads(&mut budget(), &names, 1).await.map_err(failed)?;
        Ok(heads.into_iter().map(|head| head.map_or(Held::Other, |head| entry::begins(&head).into())).collect())
    }

    /// The master that has a page, and the names of it there.
    async fn of_page(&self, page: &Page) -> Result<Option<(Arc<Node>, Vec<String>)>, Error> {
        let Store::Redis(remote) = &self.core().store else { return Ok(None) };
        let server = &remote.server;
        let masters = server.masters(&mut budget()).await.map_err(failed)?;
        let name = |text: &String| if page.tags { server.names.tag(text) } else { server.names.of_text(text) };
        let names = page.keys.iter().map(name).collect();
        Ok(masters.into_iter().find(|node| node.name == page.master).map(|node| (node, names)))
    }
}
