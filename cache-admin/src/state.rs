//! What the routes share.

use std::sync::{Arc, Once};

use cache_runtime::Cache;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, broadcast};

use crate::access::Caller;
use crate::audit::{self, AuditEvent, Listener};
use crate::clock;
use crate::history::{EVERY, History};
use crate::limit::Limit;

/// Walks through the keyspace that may run at once.
const WALKS: usize = 2;
/// Feeds that may be open at once.
const FEEDS: usize = 32;
/// Changes that a feed may be behind before it loses some.
const BEHIND: usize = 64;

/// As handlers take it.
pub(crate) type Shared = axum::extract::State<Arc<State>>;

pub(crate) struct State {
    pub(crate) cache: Cache,
    pub(crate) history: History,
    pub(crate) purges: Limit,
    pub(crate) walks: Semaphore,
    pub(crate) feeds: Arc<Semaphore>,
    /// For those who watch.
    pub(crate) changes: broadcast::Sender<AuditEvent>,
    listener: Option<Listener>,
    sampling: Once,
}

impl State {
    pub(crate) fn new(cache: Cache, purges_per_minute: u32, listener: Option<Listener>) -> Self {
        Self {
            cache,
            history: History::default(),
            purges: Limit::per_minute(purges_per_minute),
            walks: Semaphore::new(WALKS),
            feeds: Arc::new(Semaphore::new(FEEDS)),
            changes: broadcast::Sender::new(BEHIND),
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
