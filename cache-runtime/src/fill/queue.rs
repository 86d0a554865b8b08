//! Which fills share a request: those of the same moment, in the same runtime and for the same master.
//!
//! The first of a lull is sent behind those who can run, and takes along what they bring. What comes while a request is
//! under way waits for its answer, or until there is enough for another, or until somebody comes when others have waited
//! for [`PACE`]: the way to the server may be long, and the thread that is to send may be busy. A large value goes by
//! itself: it holds nobody up.
//!
//! Nothing is loosened by the wait: a fill stores under what was observed before its load, whenever it comes.
//!
//! Each runtime sends its own, since a task in a runtime that nobody drives would hold up the fills of others for good;
//! and so does each master have its own, since one that is slow would hold up those for others.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime;

use super::filling::{self, Filling};
use crate::clock;
use crate::core::{Core, Store, UnderWay};

/// How many fills are enough for a request.
const MANY: usize = 64;
/// How many bytes are.
const BYTES: usize = 64 * 1024;
/// What takes as much room goes by itself.
const LARGE: usize = 16 * 1024;
/// How long a fill waits for others, about, if the way to the server is longer than that.
const PACE: Duration = Duration::from_millis(1);
/// How many requests of small ones may be under way to a master.
const AT_ONCE: usize = 16;
/// How many bytes may wait or be under way, with [`BESIDE`] for each fill. What comes beyond that is not stored: the
/// server does not keep up.
const HELD: usize = 64 * 1024 * 1024;

/// What a fill holds beside its envelope, about: its key, its flight, and the value that those who joined are handed.
pub(super) const BESIDE: usize = 1024;

/// Those of a cache.
#[derive(Default)]
pub(crate) struct Fills {
    queues: Mutex<Vec<Queue>>,
    /// How many bytes wait or are under way.
    pub(super) held: AtomicUsize,
}

/// Where fills come from and go to.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Way {
    runtime: runtime::Id,
    master: usize,
}

/// Those that take the same way.
struct Queue {
    way: Way,
    waiting: VecDeque<Filling>,
    bytes: usize,
    /// Since when somebody waits for whom no task was started. Looked at when the next one comes.
    since: Option<Instant>,
    /// How many tasks send them; as long as some wait, there is one.
    senders: usize,
    /// How many of these have not taken anybody along yet.
    ready: usize,
}

impl Fills {
    fn lock(&self) -> MutexGuard<'_, Vec<Queue>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// The queue of a way. There is nearly always one.
    fn of(queues: &mut Vec<Self>, way: Way) -> &mut Self {
        let found = queues.iter().position(|queue| queue.way == way);
        let at = found.unwrap_or_else(|| {
            queues.retain(|queue| queue.senders > 0);
            queues.push(Self { way, waiting: VecDeque::new(), bytes: 0, since: None, senders: 0, ready: 0 });
            queues.len() - 1
        });
        &mut queues[at]
    }

    /// True if a task is to be started, which counts from now on.
    fn push(&mut self, filling: Filling) -> bool {
        self.bytes += filling.bytes();
        self.waiting.push_back(filling);
        let needed = self.senders == 0 || self.senders < AT_ONCE && self.is_due();
        match needed {
            true => self.start(),
            false => _ = self.since.get_or_insert_with(clock::now),
        }
        needed
    }

    fn start(&mut self) {
        (self.senders, self.ready, self.since) = (self.senders + 1, self.ready + 1, None);
    }

    /// Whether those who wait are to wait no longer.
    fn is_due(&self) -> bool {
        let batches = (self.bytes / BYTES).max(self.waiting.len() / MANY);
        batches > self.ready || self.since.is_some_and(|since| since.elapsed() >= PACE)
    }

    /// As many as go together.
    fn take(&mut self, into: &mut Vec<Filling>) {
        let mut bytes = 0;
        while into.len() < MANY
            && bytes < BYTES
            && let Some(filling) = self.waiting.pop_front()
        {
            bytes += filling.bytes();
            into.push(filling);
        }
        self.bytes -= bytes;
        if self.waiting.is_empty() {
            self.since = None;
        }
    }
}

/// Sends it in the background; where there is no runtime to wait in, it is dropped.
pub(super) fn send(core: &Arc<Core>, mut filling: Filling) {
    let (Store::Redis(remote), Ok(runtime)) = (&core.store, runtime::Handle::try_current()) else { return };
    if core.fills.held.load(Relaxed) > HELD {
        return filling.give_up();
    }
    filling.hold();
    if filling.bytes() >= LARGE {
        let core_of_it = Arc::clone(core);
        return core.in_background(Box::pin(async move { filling::store(&core_of_it, &mut vec![filling]).await }));
    }
    let way = Way { runtime: runtime.id(), master: remote.server.master_of(&filling.key) };
    let needed = {
        let mut queues = core.fills.lock();
        // Counted as soon as others rely on it.
        Queue::of(&mut queues, way).push(filling).then(|| core.under_way())
    };
    if let Some(under_way) = needed {
        Sender::start(core, way, under_way);
    }
}

/// The task that sends them.
struct Sender {
    core: Arc<Core>,
    way: Way,
    /// Whether it has taken nobody along yet.
    ready: bool,
    batch: Vec<Filling>,
    ended: bool,
}

impl Sender {
    fn start(core: &Arc<Core>, way: Way, under_way: UnderWay) {
        let sender = Self { core: Arc::clone(core), way, ready: true, batch: Vec::new(), ended: false };
        under_way.run(Box::pin(sender.run()));
    }

    async fn run(mut self) {
        loop {
            tokio::task::yield_now().await;
            self.next();
            if self.ended {
                return;
            }
            filling::store(&self.core, &mut self.batch).await;
        }
    }

    /// Takes those along who have waited longest. If there is nobody, or if they can wait for another task, it has ended.
    fn next(&mut self) {
        let mut queues = self.core.fills.lock();
        let queue = Queue::of(&mut queues, self.way);
        let is_new = std::mem::take(&mut self.ready);
        queue.ready -= usize::from(is_new);
        self.ended = queue.waiting.is_empty() || !is_new && queue.senders > 1 && !queue.is_due();
        match self.ended {
            true => queue.senders -= 1,
            false => queue.take(&mut self.batch),
        }
    }
}

/// It panicked, or has ended with its runtime: then the flights of all who wait are closed.
impl Drop for Sender {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let mut left = VecDeque::new();
        let mut again = None;
        {
            let mut queues = self.core.fills.lock();
            let queue = Queue::of(&mut queues, self.way);
            queue.senders -= 1;
            queue.ready -= usize::from(self.ready);
            if queue.senders == 0 {
                // Not one that never ran: it was dropped by whoever panicked, or by a runtime that takes no other either.
                if !self.ready && std::thread::panicking() && !queue.waiting.is_empty() {
                    queue.start();
                    again = Some(self.core.under_way());
                } else {
                    (left, queue.bytes) = (std::mem::take(&mut queue.waiting), 0);
                }
            }
        }
        // Behind the lock: flights have their own.
        drop(left);
        if let Some(under_way) = again {
            Self::start(&self.core, self.way, under_way);
        }
    }
}
