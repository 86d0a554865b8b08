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

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use tokio::runtime::{Builder, Runtime};

    use super::super::Draft;
    use super::super::filling::Landing;
    use super::*;
    use crate::ask::CountedOwned;
    use crate::flight::{FlightKey, Turn};
    use crate::{Cache, Key};

    /// Nobody listens there.
    fn cache() -> Cache {
        Cache::builder().redis("redis://127.0.0.1:1").local_tier(false).build().expect("in order")
    }

    fn runtime() -> Runtime {
        Builder::new_current_thread().enable_all().build().expect("a thread can be made")
    }

    fn way(runtime: &Runtime) -> Way {
        Way { runtime: runtime.handle().id(), master: 0 }
    }

    /// A fill of so many bytes, which a flight waits for.
    async fn fill(core: &Arc<Core>, key: &str, bytes: usize) {
        let flight =
            FlightKey { key: key.as_bytes().into(), observed: Default::default(), value: std::any::TypeId::of::<u8>() };
        let Turn::Lead(lead) = core.flights.turn(flight, Vec::new()).await else { panic!("nobody else is there") };
        let landing = Landing { core: Arc::clone(core), landed: Some(lead.ready(Arc::new(1_u8))), held: 0 };
        let filling = Filling {
            landing,
            key: Key::new(key),
            counted: CountedOwned::Direct(Arc::clone(core)),
            draft: Draft { bytes: vec![0; bytes], payload_start: None, covered: None },
            expected: Default::default(),
            ttl: Duration::from_secs(60),
        };
        send(core, filling);
    }

    fn with<R>(core: &Core, runtime: &Runtime, act: impl FnOnce(&mut Queue) -> R) -> R {
        act(Queue::of(&mut core.fills.lock(), way(runtime)))
    }

    /// However slow this machine is.
    fn not_late(queue: &mut Queue) {
        queue.since = Some(clock::now() + Duration::from_secs(3600));
    }

    /// How many tasks send those of this runtime, and how many fills wait for them.
    fn standing(core: &Core, runtime: &Runtime) -> (usize, usize) {
        with(core, runtime, |queue| (queue.senders, queue.waiting.len()))
    }

    /// Until nothing is under way.
    fn drive(core: &Core, runtime: &Runtime) {
        runtime.block_on(async {
            core.idle().await;
            // Flights linger.
            while core.flights.len() > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        let left = with(core, runtime, |queue| (queue.senders, queue.ready, queue.waiting.len(), queue.bytes));
        assert_eq!((left, core.fills.held.load(Relaxed)), ((0, 0, 0, 0), 0));
    }

    #[test]
    fn those_of_one_moment_wait_for_one_task() {
        let (cache, runtime) = (cache(), runtime());
        let core = cache.core();
        runtime.block_on(async {
            fill(core, "a", 10).await;
            fill(core, "b", 20).await;
        });
        assert_eq!(standing(core, &runtime), (1, 2));
        assert_eq!((core.flights.len(), core.fills.held.load(Relaxed)), (2, 30 + 2 * BESIDE));
        drive(core, &runtime);
        assert_eq!(cache.stats().total().fills_failed, 2);
    }

    #[test]
    fn what_is_large_goes_by_itself_whenever_it_comes() {
        let (cache, runtime) = (cache(), runtime());
        let core = cache.core();
        runtime.block_on(async {
            fill(core, "first", LARGE).await;
            assert_eq!(standing(core, &runtime), (0, 0));
            fill(core, "small", 10).await;
            fill(core, "last", LARGE).await;
        });
        assert_eq!(standing(core, &runtime), (1, 1));
        drive(core, &runtime);
        assert_eq!(cache.stats().total().fills_failed, 3);
    }

    #[test]
    fn as_many_go_together_as_are_enough() {
        let (cache, runtime) = (cache(), runtime());
        let core = cache.core();
        runtime.block_on(async {
            for n in 0..MANY + 1 {
                with(core, &runtime, not_late);
                fill(core, &n.to_string(), 10).await;
            }
        });
        assert_eq!(standing(core, &runtime), (1, MANY + 1));
        let mut batch = Vec::new();
        with(core, &runtime, |queue| queue.take(&mut batch));
        assert_eq!((batch.len(), standing(core, &runtime)), (MANY, (1, 1)));
        drop(batch);
        runtime.block_on(async {
            for n in 0..5 {
                with(core, &runtime, not_late);
                fill(core, &format!("of some size {n}"), LARGE - 1).await;
            }
        });
        let mut batch = Vec::new();
        with(core, &runtime, |queue| queue.take(&mut batch));
        assert_eq!((batch.len(), standing(core, &runtime)), (5, (1, 1)), "these are enough bytes");
        drop(batch);
        drive(core, &runtime);
    }

    #[test]
    fn others_go_at_once_when_they_are_enough_or_late_up_to_a_limit() {
        let (cache, runtime) = (cache(), runtime());
        let core = cache.core();
        runtime.block_on(async {
            fill(core, "under way", 10).await;
            with(core, &runtime, |queue| {
                queue.take(&mut Vec::new());
                queue.ready = 0;
            });
            for n in 1..MANY {
                with(core, &runtime, not_late);
                fill(core, &n.to_string(), 10).await;
                assert_eq!(standing(core, &runtime), (1, n));
            }
            fill(core, "enough", 10).await;
            assert_eq!(standing(core, &runtime), (2, MANY));
            with(core, &runtime, |queue| queue.since = Some(clock::now() - PACE));
            fill(core, "late", 10).await;
            assert_eq!(standing(core, &runtime), (3, MANY + 1));
            with(core, &runtime, |queue| {
                queue.since = Some(clock::now() - PACE);
                queue.senders += AT_ONCE - 3;
            });
            fill(core, "too many", 10).await;
            assert_eq!(standing(core, &runtime), (AT_ONCE, MANY + 2));
        });
        // Those that were counted and are not there, and the one whose fill was taken from it.
        with(core, &runtime, |queue| (queue.senders, queue.ready) = (3, 3));
        drive(core, &runtime);
    }

    #[test]
    fn who_comes_back_leaves_those_who_can_wait_to_the_others() {
        let (cache, runtime) = (cache(), runtime());
        let core = cache.core();
        runtime.block_on(fill(core, "a", 10));
        with(core, &runtime, |queue| {
            queue.senders += 2;
            not_late(queue);
        });
        let back = || {
            let core = Arc::clone(core);
            let mut sender = Sender { core, way: way(&runtime), ready: false, batch: Vec::new(), ended: false };
            sender.next();
            sender
        };
        assert!(back().ended);
        assert_eq!(standing(core, &runtime), (2, 1));
        with(core, &runtime, |queue| queue.since = Some(clock::now() - PACE));
        let late = back();
        assert_eq!((late.ended, late.batch.len(), standing(core, &runtime)), (false, 1, (2, 0)));
        drop(late);
        drive(core, &runtime);
    }

    #[test]
    fn one_that_panics_takes_along_no_others_than_its_own() {
        let (cache, runtime) = (cache(), runtime());
        let core = cache.core();
        runtime.block_on(async {
            fill(core, "its own", 10).await;
            let mut panics =
                Sender { core: Arc::clone(core), way: way(&runtime), ready: true, batch: Vec::new(), ended: false };
            panics.next();
            fill(core, "another", 10).await;
            assert_eq!(standing(core, &runtime), (1, 1));
            let panicked = catch_unwind(AssertUnwindSafe(move || {
                let _panics = panics;
                panic!("as a recorder of metrics might");
            }));
            panicked.expect_err("it panicked");
            assert_eq!(standing(core, &runtime), (1, 1), "by another task");
            // The one in whose place it was.
            with(core, &runtime, |queue| (queue.senders, queue.ready) = (2, 2));
        });
        drive(core, &runtime);
        assert_eq!(cache.stats().total().fills_failed, 1);
    }

    #[test]
    fn with_the_runtime_flights_are_closed_and_the_next_one_is_not_held_up() {
        let (cache, ended, idle) = (cache(), runtime(), runtime());
        let core = cache.core();
        ended.block_on(async {
            fill(core, "a", 10).await;
            fill(core, "b", LARGE).await;
            fill(core, "c", 10).await;
        });
        assert_eq!(standing(core, &ended), (1, 2));
        let of_it = way(&ended);
        drop(ended);
        assert_eq!((core.flights.len(), core.fills.held.load(Relaxed)), (0, 0));
        assert!(core.fills.lock().iter().all(|queue| queue.way != of_it || queue.senders + queue.waiting.len() == 0));
        idle.block_on(fill(core, "d", 10));
        let runtime = runtime();
        runtime.block_on(async {
            fill(core, "e", 10).await;
            while core.flights.len() > 1 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        assert_eq!(standing(core, &idle), (1, 1), "nobody drives it");
        drive(core, &idle);
    }

    #[test]
    fn what_the_server_does_not_keep_up_with_is_not_stored() {
        let (cache, runtime) = (cache(), runtime());
        let core = cache.core();
        core.fills.held.fetch_add(HELD + 1, Relaxed);
        runtime.block_on(fill(core, "a", 10));
        assert_eq!((core.flights.len(), cache.stats().total().fills_failed), (0, 1));
        core.fills.held.fetch_sub(HELD + 1, Relaxed);
        drive(core, &runtime);
    }

    #[test]
    fn without_a_runtime_nothing_waits() {
        let cache = cache();
        let core = cache.core();
        futures_util::future::FutureExt::now_or_never(fill(core, "a", 10)).expect("nothing to wait for");
        assert_eq!((core.flights.len(), core.fills.lock().len()), (0, 0));
    }
}
