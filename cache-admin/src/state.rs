//! What the routes share.

use std::sync::{Arc, Once};

use cache_runtime::graph::Graph;
use cache_runtime::inspect::Inspect;
use cache_runtime::{Cache, graph};
use futures_util::future::{BoxFuture, Shared as SharedFuture};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};

use crate::access::Caller;
use crate::audit::{self, AuditEvent, Listener};
use crate::clock;
use crate::history::{EVERY, History};
use crate::limit::Limit;
use crate::problem::Problem;

/// Walks through the keyspace that may run at once.
const WALKS: usize = 2;
/// Feeds that may be open at once: each has a connection to the server.
const FEEDS: usize = 16;
/// Changes that a feed may be behind before it loses some.
const BEHIND: usize = 64;

/// Resolves when the service is told to stop.
pub(crate) type Closing = SharedFuture<BoxFuture<'static, ()>>;

/// As handlers take it.
pub(crate) type Shared = axum::extract::State<Arc<State>>;

pub(crate) struct State {
    pub(crate) cache: Cache,
    pub(crate) inspect: Inspect,
    /// The linker has made it: it does not change.
    pub(crate) graph: Graph,
    pub(crate) history: History,
    pub(crate) purges: Limit,
    walks: Arc<Semaphore>,
    pub(crate) feeds: Arc<Semaphore>,
    /// For those who watch.
    pub(crate) changes: broadcast::Sender<AuditEvent>,
    /// Ends the feeds.
    pub(crate) closing: Closing,
    listener: Option<Listener>,
    sampling: Once,
}

impl State {
    pub(crate) fn new(cache: Cache, purges_per_minute: u32, listener: Option<Listener>, closing: Closing) -> Self {
        Self {
            // At once: from now on it remembers the names of what is invalidated.
            inspect: cache.inspect(),
            graph: graph(),
            cache,
            history: History::new(clock::unix_ms()),
            purges: Limit::per_minute(purges_per_minute),
            walks: Arc::new(Semaphore::new(WALKS)),
            feeds: Arc::new(Semaphore::new(FEEDS)),
            changes: broadcast::Sender::new(BEHIND),
            closing,
            listener,
            sampling: Once::new(),
        }
    }

    /// Counts until this is gone; does nothing outside of a runtime, and the second time.
    pub(crate) fn start_sampling(self: &Arc<Self>) {
        let Ok(runtime) = Handle::try_current() else { return };
        self.sampling.call_once(|| {
            let weak = Arc::downgrade(self);
            runtime.spawn(async move {
                let mut ticks = tokio::time::interval(EVERY);
                loop {
                    ticks.tick().await;
                    let Some(state) = weak.upgrade() else { return };
                    state.history.sample(&state.cache, clock::unix_ms());
                }
            });
        });
    }

    /// Lets one walk through the keyspace, while there are not too many.
    pub(crate) fn walk(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let permit = Arc::clone(&self.walks).try_acquire_owned();
        permit.map_err(|_| Problem::too_many("others walk through the keys; try again", 1))
    }

    /// A change was made, or failed.
    pub(crate) fn changed(&self, who: &Caller, what: String, outcome: Result<Option<u64>, String>) {
        let (count, error) = match outcome {
            Ok(count) => (count, None),
            Err(error) => (None, Some(error)),
        };
        let event = AuditEvent { at_ms: clock::unix_ms(), who: who.clone(), what, count, error };
        audit::log(&event);
        if let Some(listener) = &self.listener {
            listener(&event);
        }
        // Nobody may be watching.
        let _ = self.changes.send(event);
    }
}
