//! What a `Cache` handle points to: settings, the store, and what is under way.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use tokio::sync::Notify;

use crate::budget::Budget;
use crate::config::Config;
use crate::fill::Fills;
use crate::flight::Flights;
use crate::linger::Lingering;
use crate::local::LocalStore;
use crate::maintain::Upkeep;
#[cfg(feature = "metrics")]
use crate::metrics::{Publisher, Series};
use crate::minted::Minted;
use crate::mutant::Mutant;
use crate::policy::Steering;
use crate::recovery::Recovery;
use crate::redis::Server;
use crate::stats::{Counters, Invalidated};

pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) store: Store,
    /// What operators say.
    pub(crate) steering: Steering,
    pub(crate) flights: Flights,
    pub(crate) fills: Fills,
    pub(crate) lingering: Lingering,
    pub(crate) minted: Minted,
    pub(crate) direct: Counters,
    /// Of the same operations.
    #[cfg(feature = "metrics")]
    pub(crate) series: Series,
    /// Those that no function made.
    pub(crate) invalidated: Invalidated,
    #[cfg(feature = "metrics")]
    pub(crate) publisher: Publisher,
    pub(crate) invalidations: AtomicU64,
    pub(crate) deferred: AtomicU64,
    /// Whether an entry that cannot be decompressed was warned of.
    pub(crate) warned_of_unreadable: AtomicBool,
    pub(crate) upkeep: Upkeep,
    /// The names behind hashes, once somebody looks at this cache.
    #[cfg(feature = "inspect")]
    pub(crate) known: std::sync::OnceLock<crate::inspect::Known>,
    background: AtomicUsize,
    idle: Notify,
}

#[expect(clippy::large_enum_variant, reason = "there is one for each cache, and each hit looks into it")]
pub(crate) enum Store {
    /// In this process only.
    Local(LocalStore),
    /// In Redis, with the in-process tier over it.
    Redis(Remote),
    /// Nowhere: the environment could not be read. Every call runs its function.
    Off,
}

pub(crate) struct Remote {
    pub(crate) server: Arc<Server>,
    pub(crate) recovery: Arc<Recovery>,
}

impl Core {
    pub(crate) fn new(config: Config, store: Store, steering: Steering) -> Self {
        Self {
            flights: Flights::new(config.load_wait),
            fills: Fills::default(),
            lingering: Lingering::default(),
            config,
            store,
            steering,
            minted: Minted::default(),
            direct: Counters::new(),
            #[cfg(feature = "metrics")]
            series: Series::new(),
            invalidated: Invalidated::new(),
            #[cfg(feature = "metrics")]
            publisher: Publisher::default(),
            invalidations: AtomicU64::new(0),
            deferred: AtomicU64::new(0),
            warned_of_unreadable: AtomicBool::new(false),
            upkeep: Upkeep::default(),
            #[cfg(feature = "inspect")]
            known: std::sync::OnceLock::new(),
            background: AtomicUsize::new(0),
            idle: Notify::new(),
        }
    }

    /// What metrics call the operations that no function stands for.
    pub(crate) fn direct_name(&self) -> String {
        format!("direct:{}", self.config.namespace)
    }

    pub(crate) fn budget(&self) -> Budget {
        Budget::new(self.config.budget)
    }

    /// Runs work that no caller waits for; `shutdown` does.
    ///
    /// Boxed: the runtime moves a task about while it makes it and when it ends.
    pub(crate) fn in_background(self: &Arc<Self>, work: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.under_way().run(work);
    }

    /// Counts work in the background, from now on.
    pub(crate) fn under_way(self: &Arc<Self>) -> UnderWay {
        self.background.fetch_add(1, Ordering::AcqRel);
        UnderWay(Arc::clone(self))
    }

    /// Waits until no background work is left.
    pub(crate) async fn idle(&self) {
        loop {
            let idle = self.idle.notified();
            if self.background.load(Ordering::Acquire) == 0 {
                return;
            }
            idle.await;
        }
    }

    pub(crate) fn breaks(&self, mutant: Mutant) -> bool {
        self.config.rules.are_without(mutant)
    }
}

/// Work that `shutdown` waits for.
pub(crate) struct UnderWay(Arc<Core>);

impl UnderWay {
    pub(crate) fn run(self, work: Pin<Box<dyn Future<Output = ()> + Send>>) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let _under_way = self;
                work.await;
            });
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if self.0.background.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}
