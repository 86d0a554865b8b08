//! Invalidations that are owed: could not be delivered, void here at once, retried until they are.
//!
//! Invariants:
//! 1. A name is owed before the invalidation that failed returns, and until a removal that was sent after it became
//!    owed is answered.
//! 2. While a name is owed, this process neither serves nor keeps what is under it.
//! 3. Nothing is dropped: a queue that is full becomes "everything in this namespace".

mod journal;
mod sweep;
mod walk;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use smallvec::SmallVec;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::budget::Budget;
use crate::entry::Nonce;
use crate::redis::{Failure, Server};

pub(crate) use journal::Journal;
pub use sweep::Swept;
pub(crate) use sweep::sweep;
#[cfg(feature = "inspect")]
pub(crate) use walk::remove_chosen;
pub(crate) use walk::{clear, remove_matching};

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// Nobody waits for a delivery, so it may take longer than a call.
const DELIVERY: Duration = Duration::from_secs(1);
/// How many fences end with the delivery of one name; earlier ones end by themselves.
const RELEASED: usize = 64;
/// How many names are delivered in one request.
const BATCH: usize = 500;

struct Debt {
    /// The number of the latest invalidation that owes the name.
    since: u64,
    /// The fences that end with its delivery.
    released: SmallVec<[Nonce; 1]>,
}

#[derive(Default)]
struct Owed {
    /// By full name on the server.
    names: HashMap<String, Debt>,
    everything: Option<u64>,
    debts: u64,
    journal: Option<Journal>,
}

impl Owed {
    /// Writes down what is still owed.
    fn write_down(&mut self) {
        let everything = self.everything.map(|_| journal::EVERYTHING.to_owned());
        if let Some(journal) = &mut self.journal {
            journal.keep(self.names.keys().chain(&everything));
        }
    }
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
    /// `inherited`: what dead processes owe.
    pub(crate) fn new(limit: usize, journal: Option<Journal>, inherited: Vec<String>) -> Self {
        let recovery = Self {
            owed: Mutex::default(),
            count: AtomicUsize::new(0),
            limit,
            running: AtomicBool::new(false),
            settled: Notify::new(),
        };
        if !inherited.is_empty() {
            tracing::info!(names = inherited.len(), "invalidations that an earlier process owed will be delivered");
            recovery.note(inherited, &[]);
        }
        // Only now: it has what was inherited.
        recovery.lock().journal = journal;
        recovery
    }

    fn lock(&self) -> MutexGuard<'_, Owed> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// Notes names as owed, makes them void in this process, and sees to their delivery.
    pub(crate) fn owe(self: &Arc<Self>, server: &Arc<Server>, names: Vec<String>, released: &[Nonce]) {
        // First owed, then void: what was read before it was owed is not kept behind the bump.
        let all = self.note(names.clone(), released);
        if let Some(local) = &server.local {
            match all {
                true => local.new_epoch(),
                false => names.iter().for_each(|name| local.void_hash(server.names.hash(name))),
            }
        }
        self.deliver_soon(server);
    }

    /// True if everything is owed.
    fn note(&self, names: Vec<String>, released: &[Nonce]) -> bool {
        let mut owed = self.lock();
        owed.debts += 1;
        let debt = owed.debts;
        if owed.everything.is_some() {
            owed.everything = Some(debt);
            return true;
        }
        if let Some(journal) = &mut owed.journal {
            journal.add(&names);
        }
        for name in names {
            let full = owed.names.len() >= self.limit && !owed.names.contains_key(&name);
            if full || name == journal::EVERYTHING {
                let why = if full { "more is owed than `owed_limit`" } else { "a record of what is owed is damaged" };
                tracing::warn!(limit = self.limit, why, "the whole namespace will be invalidated");
                owed.everything = Some(debt);
                owed.names.clear();
                owed.write_down();
                break;
            }
            let entry = owed.names.entry(name).or_insert(Debt { since: debt, released: SmallVec::new() });
            entry.since = debt;
            entry.released.extend_from_slice(released);
            let surplus = entry.released.len().saturating_sub(RELEASED);
            entry.released.drain(..surplus);
        }
        self.recount(&owed);
        owed.everything.is_some()
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

    /// Starts the delivery unless it runs. Called by every read and invalidation while anything is owed, in case
    /// an earlier runtime took it down.
    pub(crate) fn deliver_soon(self: &Arc<Self>, server: &Arc<Server>) {
        if self.count() == 0 || self.running.load(Ordering::SeqCst) {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        if self.running.swap(true, Ordering::SeqCst) {
            return;
        }
        let mut running = Running(Arc::clone(self));
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
        while self.count() > 0 {
            if self.deliver_once(server).await {
                pause = FIRST_PAUSE;
            } else {
                tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
        tracing::info!("all owed invalidations were delivered");
        self.settled.notify_waiters();
    }

    /// Tries everything that is owed once. False if nothing of it could be delivered.
    async fn deliver_once(&self, server: &Arc<Server>) -> bool {
        let (mut names, everything, debt) = {
            let owed = self.lock();
            let names = owed.names.iter().map(|(name, debt)| (name.clone(), debt.released.clone()));
            (names.collect::<Vec<_>>(), owed.everything.is_some(), owed.debts)
        };
        let mut progress = false;
        if everything {
            if clear(server).await.is_err() {
                return false;
            }
            progress = true;
            self.settle_debts(|owed| owed.everything = owed.everything.filter(|since| *since > debt));
        }
        while !names.is_empty() {
            let batch = names.split_off(names.len().saturating_sub(BATCH));
            let released: Vec<Nonce> = batch.iter().flat_map(|(_, released)| released.iter().copied()).collect();
            let batch: Vec<String> = batch.into_iter().map(|(name, _)| name).collect();
            let Ok(voided) = server.void(&mut Budget::new(DELIVERY), &batch, &released).await else { continue };
            let failed = |at: usize| voided.failed.iter().any(|(failed, _)| *failed == at);
            let delivered: Vec<&String> =
                batch.iter().enumerate().filter(|(at, _)| !failed(*at)).map(|(_, name)| name).collect();
            if delivered.is_empty() {
                continue;
            }
            progress = true;
            self.settle_debts(|owed| {
                for name in delivered {
                    // What became owed while this was under way stays so.
                    if owed.names.get(name).is_some_and(|debt_of| debt_of.since <= debt) {
                        owed.names.remove(name);
                    }
                }
            });
        }
        progress
    }

    fn settle_debts(&self, settle: impl FnOnce(&mut Owed)) {
        let mut owed = self.lock();
        settle(&mut owed);
        owed.write_down();
        self.recount(&owed);
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

/// The first failure among several names.
pub(crate) fn first_failure(voided: crate::redis::Voided) -> Result<u64, Failure> {
    match voided.failed.into_iter().next() {
        None => Ok(voided.removed),
        Some((_, failure)) => Err(failure),
    }
}
