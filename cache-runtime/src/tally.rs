//! Hits, counted so that no two threads write to one cache line.
//!
//! A counter that all threads add to costs more than the hit: its line has to come over from the core that counted
//! last. So each thread adds to counts of its own, and whoever reads adds up all of them. A thread that ends leaves its
//! counts to the others.

use std::ops::AddAssign;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use crate::site::SITES;

/// Answers from this process's memory, and from the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hits {
    /// All of them that are from memory.
    pub(crate) all: u64,
    /// Those of them whose value was a cached `None`.
    pub(crate) negative: u64,
    /// Those from the server.
    pub(crate) server: u64,
    /// The bytes of their envelopes.
    pub(crate) bytes: u64,
}

impl AddAssign for Hits {
    fn add_assign(&mut self, more: Self) {
        self.all += more.all;
        self.negative += more.negative;
        self.server += more.server;
        self.bytes += more.bytes;
    }
}

/// Of one thread, by the function's number. Only that thread adds.
#[derive(Debug, Default)]
struct Counted {
    all: AtomicU64,
    negative: AtomicU64,
    server: AtomicU64,
    bytes: AtomicU64,
}

fn add(counter: &AtomicU64, more: u64) {
    counter.store(counter.load(Relaxed) + more, Relaxed);
}

impl Counted {
    fn add(&self, negative: bool) {
        add(&self.all, 1);
        if negative {
            add(&self.negative, 1);
        }
    }

    fn add_from_server(&self, bytes: u64) {
        add(&self.server, 1);
        add(&self.bytes, bytes);
    }

    fn read(&self) -> Hits {
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        Hits { all: read(&self.all), negative: read(&self.negative), server: read(&self.server), bytes: read(&self.bytes) }
    }
}

/// The counts of every thread there is, and the sums of those that have ended.
struct Threads {
    running: Vec<Arc<[Counted]>>,
    ended: Vec<Hits>,
}

static THREADS: Mutex<Threads> = Mutex::new(Threads { running: Vec::new(), ended: Vec::new() });

/// Places there are in any case.
const LEAST: usize = 15;

struct Mine(Arc<[Counted]>);

impl Mine {
    fn new() -> Self {
        // Number 0 is nobody's.
        let mine: Arc<[Counted]> = (0..=SITES.len().max(LEAST)).map(|_| Counted::default()).collect();
        THREADS.lock().unwrap_or_else(PoisonError::into_inner).running.push(Arc::clone(&mine));
        Self(mine)
    }
}

impl Drop for Mine {
    fn drop(&mut self) {
        let mut threads = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
        threads.running.retain(|running| !Arc::ptr_eq(running, &self.0));
        threads.ended.resize(self.0.len(), Hits::default());
        for (sum, counted) in threads.ended.iter_mut().zip(&*self.0) {
            *sum += counted.read();
        }
    }
}

thread_local! {
    static MINE: Mine = Mine::new();
}

/// A function's place in the counts: 0 until it was called.
#[derive(Debug)]
pub(crate) struct Number(AtomicU32);

impl Number {
    pub(crate) const fn none() -> Self {
        Self(AtomicU32::new(0))
    }

    #[inline]
    pub(crate) fn is_none(&self) -> bool {
        self.0.load(Relaxed) == 0
    }

    /// Takes the next free one; false if somebody else did.
    pub(crate) fn take(&self) -> bool {
        static NEXT: Mutex<u32> = Mutex::new(1);
        let mut next = NEXT.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = self.is_none();
        if taken {
            self.0.store(*next, Relaxed);
            *next += 1;
        }
        taken
    }

    /// Counts a hit. False where there is no place for it: before the first call, for a function that is not
    /// registered, and while the thread ends.
    #[inline]
    pub(crate) fn hit(&self, negative: bool) -> bool {
        self.count(|counted| counted.add(negative))
    }

    /// The same, of a hit on the server.
    #[inline]
    pub(crate) fn hit_on_server(&self, bytes: u64) -> bool {
        self.count(|counted| counted.add_from_server(bytes))
    }

    #[inline]
    fn count(&self, add: impl FnOnce(&Counted)) -> bool {
        let number = self.0.load(Relaxed) as usize;
        MINE.try_with(|mine| number != 0 && mine.0.get(number).map(add).is_some()).unwrap_or(false)
    }

    pub(crate) fn hits(&self) -> Hits {
        let number = self.0.load(Relaxed) as usize;
        let threads = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
        let mut hits = threads.ended.get(number).copied().unwrap_or_default();
        for counted in threads.running.iter().filter_map(|running| running.get(number)) {
            hits += counted.read();
        }
        hits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_of_all_threads_are_added_up_also_of_those_that_ended() {
        let number = Number::none();
        assert!(!number.hit(false), "it has no number yet");
        assert!(number.take());
        assert!(!number.take(), "it has one");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..100).for_each(|n| assert!(number.hit(n % 4 == 0))));
            }
        });
        assert!(number.hit(true) && number.hit_on_server(70));
        assert_eq!(number.hits(), Hits { all: 401, negative: 101, server: 1, bytes: 70 });
    }

    #[test]
    fn there_is_no_room_for_more_than_are_registered() {
        let numbers: Vec<_> = (0..=SITES.len().max(LEAST)).map(|_| Number::none()).collect();
        numbers.iter().for_each(|number| assert!(number.take()));
        let last = numbers.last().expect("one at least");
        assert!(!last.hit(false));
        assert_eq!(last.hits(), Hits::default());
    }
}
