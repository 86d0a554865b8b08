//! Invalidations that are owed: could not be delivered, void here at once, retried until they are.
//!
//! Invariants:
//! 1. A name is owed before the invalidation that failed returns, and until an UNLINK that was sent after
//!    it became owed is answered.
//! 2. While a name is owed, this process neither serves nor stores under it.
//! 3. Nothing is dropped: a queue that is full becomes "everything in this namespace".

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::budget::Budget;
use crate::redis::{Failure, Server};

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// Nobody waits for a delivery, so it may take longer than a call.
const DELIVERY: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Owed {
    /// Full names on the server, each with the number of the debt it belongs to.
    names: HashMap<String, u64>,
    everything: Option<u64>,
    debts: u64,
}

pub(crate) struct Recovery {
    owed: Mutex<Owed>,
    /// How many names are owed (a full queue counts as one), so that a call without debts pays one load.
    count: AtomicUsize,
    limit: usize,
    running: AtomicBool,
    settled: Notify,
}

struct Running(Arc<Recovery>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.store(false, Ordering::SeqCst);
    }
}

impl Recovery {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            owed: Mutex::default(),
            count: AtomicUsize::new(0),
            limit,
            running: AtomicBool::new(false),
            settled: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Owed> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// Notes names as owed and sees to their delivery.
    pub(crate) fn owe(self: &Arc<Self>, server: &Arc<Server>, names: impl IntoIterator<Item = String>) {
        {
            let mut owed = self.lock();
            owed.debts += 1;
            let debt = owed.debts;
            for name in names {
                if owed.everything.is_some() || (owed.names.len() >= self.limit && !owed.names.contains_key(&name)) {
                    if owed.everything.is_none() {
                        tracing::warn!(
                            limit = self.limit,
                            "too many invalidations are owed; the whole namespace will be invalidated instead"
                        );
                    }
                    owed.everything = Some(debt);
                    owed.names.clear();
                    break;
                }
                owed.names.insert(name, debt);
            }
            self.recount(&owed);
        }
        self.deliver_soon(server);
    }

    fn recount(&self, owed: &Owed) {
        self.count.store(owed.names.len() + usize::from(owed.everything.is_some()), Ordering::SeqCst);
    }

    /// Whether any of `names` is owed; they are made only if anything is.
    pub(crate) fn owes(&self, mut names: impl FnMut(&dyn Fn(&str) -> bool) -> bool) -> bool {
        if self.count() == 0 {
            return false;
        }
        let owed = self.lock();
        owed.everything.is_some() || names(&|name| owed.names.contains_key(name))
    }

    /// Starts the delivery unless it runs; also called by reads, in case an earlier runtime took it down.
    pub(crate) fn deliver_soon(self: &Arc<Self>, server: &Arc<Server>) {
        if self.count() == 0 || self.running.swap(true, Ordering::SeqCst) {
            return;
        }
        let mut running = Running(Arc::clone(self));
        let Ok(runtime) = Handle::try_current() else { return };
        let (recovery, server) = (Arc::clone(self), Arc::clone(server));
        runtime.spawn(async move {
            loop {
                recovery.deliver(&server).await;
                drop(running);
                // What became owed between the last look and the drop found this task running and relied on it.
                if recovery.count() == 0 || recovery.running.swap(true, Ordering::SeqCst) {
                    return;
                }
                running = Running(Arc::clone(&recovery));
            }
        });
    }

    async fn deliver(&self, server: &Arc<Server>) {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.deliver_once(server).await {
                Ok(()) => {
                    pause = FIRST_PAUSE;
                    if self.count() == 0 {
                        break;
                    }
                }
                Err(_) => {
                    tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
        tracing::info!("all owed invalidations were delivered");
        self.settled.notify_waiters();
    }

    async fn deliver_once(&self, server: &Arc<Server>) -> Result<(), Failure> {
        let (names, everything, debt) = {
            let owed = self.lock();
            (owed.names.keys().cloned().collect::<Vec<_>>(), owed.everything.is_some(), owed.debts)
        };
        if everything {
            clear(server).await?;
        }
        server.unlink(&mut Budget::new(DELIVERY), &names).await?;
        let mut owed = self.lock();
        // What became owed while this was under way stays so.
        owed.names.retain(|_, owed_since| *owed_since > debt);
        owed.everything = owed.everything.filter(|owed_since| *owed_since > debt);
        self.recount(&owed);
        Ok(())
    }

    /// Waits until nothing is owed.
    pub(crate) async fn settle(self: &Arc<Self>, server: &Arc<Server>) {
        loop {
            let settled = self.settled.notified();
            self.deliver_soon(server);
            if self.count() == 0 {
                return;
            }
            // Not the notification alone: the delivering task may have been taken down.
            let _ = tokio::time::timeout(Duration::from_millis(50), settled).await;
        }
    }
}

/// Removes every entry and stamp of the namespace. Loads under way are refused their fill, because their
/// tokens are entries too.
pub(crate) async fn clear(server: &Arc<Server>) -> Result<u64, Failure> {
    let mut removed = 0;
    for pattern in server.names.everything() {
        removed += remove_matching(server, &pattern).await?;
    }
    Ok(removed)
}

/// Walks the names that match and removes them; SCAN returns each name that is there from beginning to end.
pub(crate) async fn remove_matching(server: &Arc<Server>, pattern: &str) -> Result<u64, Failure> {
    let (mut cursor, mut removed) = (0, 0);
    loop {
        // A budget per step: the walk takes as long as there are keys.
        let mut budget = Budget::new(DELIVERY);
        let (next, names) = server.scan(&mut budget, cursor, pattern).await?;
        removed += server.unlink(&mut budget, &names).await?;
        if next == 0 {
            return Ok(removed);
        }
        cursor = next;
    }
}
