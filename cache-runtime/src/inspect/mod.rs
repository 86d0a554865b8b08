//! Looking at what is stored, and purging it: for people on call, and for the tools that they use (feature `inspect`).
//!
//! ```no_run
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), cache_runtime::Error> {
//! use cache_runtime::inspect::Purge;
//!
//! let cache = cache_runtime::Cache::from_env()?;
//! let inspect = cache.inspect();
//!
//! // Which entries are there?
//! let page = inspect.entries("user:*", None, 20).await?;
//! println!("{:?}", page.keys);
//!
//! // Why does this one miss?
//! println!("{}", inspect.explain("user:7").await?.verdict.why);
//!
//! // What would go, and then let it go.
//! let purge = Purge::Tag("users".into());
//! println!("{}", inspect.preview(&purge).await?.entries);
//! inspect.purge(&purge).await?;
//! # Ok(()) }
//! ```
//!
//! Nothing of it is meant for a request of a user: most of it walks over the keys of a server, in small steps (`SCAN`, never
//! `KEYS`). Nothing here reads payloads, and nothing is kept in process by it.
//!
//! A user of the server needs more permissions for it than the cache does: `+dbsize`, and `+memory|usage` where sizes in
//! memory are wanted in place of those of what is stored.

mod explain;
mod heard;
mod judge;
mod known;
mod page;
mod purge;
mod servers;
mod sizes;
mod standing;
mod steered;
mod whose;

use std::sync::Arc;
use std::time::Duration;

use crate::budget::Budget;
use crate::core::{Core, Remote, Store};
use crate::graph::Graph;
use crate::redis::Failure;
use crate::{Cache, Error, ErrorKind};

pub use explain::{Explanation, Held, Stored, TagStanding, TagState};
pub use heard::{Heard, Invalidation, Name};
pub use judge::{Outcome, Reason, Verdict};
pub(crate) use known::{Known, learn};
pub use page::{Cursor, Namespace, Page};
pub use purge::{Preview, Purge, Purged};
pub use servers::ServerInfo;
pub use sizes::Size;
use whose::Functions;

/// Nobody's request waits for an answer here, so that it may take longer than a call.
const PATIENCE: Duration = Duration::from_secs(5);

/// A look at a cache from outside: see [the module](mod@crate::inspect). Clones look at the same.
#[derive(Clone)]
pub struct Inspect {
    cache: Cache,
    functions: Arc<Functions>,
}

impl Cache {
    /// Looks at what this cache has stored, with the functions of this program to explain it by.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), cache_runtime::Error> {
    /// # use std::time::Duration;
    /// let cache = cache_runtime::Cache::local();
    /// cache.put("report:7", &1, Duration::from_secs(60)).await?;
    /// assert_eq!(cache.inspect().entries("*", None, 10).await?.keys, ["report:7"]);
    /// # Ok(()) }
    /// ```
    pub fn inspect(&self) -> Inspect {
        self.core().known.get_or_init(Known::default);
        Inspect { cache: self.clone(), functions: Functions::of_this_program() }
    }
}

impl Inspect {
    /// With the functions of another program to explain entries by: for a tool that is not the service itself.
    #[must_use]
    pub fn with_graph(mut self, graph: &Graph) -> Self {
        self.functions = Arc::new(Functions::of(graph));
        self
    }

    fn core(&self) -> &Arc<Core> {
        self.cache.core()
    }

    fn known(&self) -> &Known {
        self.core().known.get_or_init(Known::default)
    }

    /// The server, for what only a server has.
    fn remote(&self) -> Result<&Remote, Error> {
        match &self.core().store {
            Store::Redis(remote) => Ok(remote),
            Store::Local(_) => {
                Err(Error::new(ErrorKind::Config, "this cache lives in its process only; there is no server to ask"))
            }
            Store::Off => Err(Error::no_cache()),
        }
    }
}

impl std::fmt::Debug for Inspect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inspect").field("cache", &self.cache).finish_non_exhaustive()
    }
}

fn budget() -> Budget {
    Budget::new(PATIENCE)
}

fn failed(failure: Failure) -> Error {
    failure.into_error()
}
