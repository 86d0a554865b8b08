//! The rows, what may be read of them, and what was.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cache_runtime::Source;

/// How long floors are remembered: longer than any read takes.
const MEMORY: Duration = Duration::from_secs(90);

/// Versions with the time from which on they bind.
#[derive(Default)]
struct Floors {
    /// By time; versions rise.
    past: VecDeque<(Instant, u64)>,
    /// Not due yet: of mutators who died.
    future: Vec<(Instant, u64)>,
}

impl Floors {
    fn raise(&mut self, at: Instant, version: u64) {
        if self.past.back().is_none_or(|(_, highest)| *highest < version) {
            self.past.push_back((at, version));
        }
        // One older than the memory stays, as the floor of everything older.
        while self.past.get(1).is_some_and(|(next, _)| at.saturating_duration_since(*next) > MEMORY) {
            self.past.pop_front();
        }
    }

    fn at(&self, moment: Instant) -> u64 {
        let past = self.past.iter().rev().find(|(at, _)| *at < moment).map_or(0, |(_, version)| *version);
        let due = self.future.iter().filter(|(at, _)| *at < moment).map(|(_, version)| *version);
        due.fold(past, u64::max)
    }

    /// Since when something newer than `version` has been binding.
    fn outdated_since(&self, version: u64) -> Option<Instant> {
        let all = self.past.iter().chain(&self.future);
        all.filter(|(_, newer)| *newer > version).map(|(at, _)| *at).min()
    }
}

#[derive(Default)]
struct Row {
    version: AtomicU64,
    floors: Mutex<Floors>,
    /// Of each node's own acknowledgements.
    own: Vec<Mutex<Floors>>,
}

/// What a read violated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Violation {
    /// P1.
    Stale,
    /// P2.
    OwnStale,
    /// P3.
    Late,
    /// P4.
    Invented,
    /// P6.
    Stuck,
}

/// A finished read.
pub(super) struct Read {
    pub(super) node: usize,
    pub(super) row: usize,
    pub(super) started: Instant,
    pub(super) value: u64,
    pub(super) source: Source,
}

/// The source of truth, and the judge.
pub(super) struct World {
    rows: Vec<Row>,
    lease: Duration,
    counts: Mutex<Counts>,
    reads: AtomicU64,
    local: AtomicU64,
    redis: AtomicU64,
    joined: AtomicU64,
    loaded: AtomicU64,
    acknowledged: AtomicU64,
    unknown: AtomicU64,
    worst_local_micros: AtomicU64,
}

#[derive(Default)]
struct Counts {
    violations: Vec<(Violation, String)>,
    total: [u64; 5],
}

/// Sums of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    pub(super) reads: u64,
    pub(super) local: u64,
    pub(super) redis: u64,
    pub(super) joined: u64,
    pub(super) loaded: u64,
    pub(super) acknowledged: u64,
    pub(super) unknown: u64,
    pub(super) stale: u64,
    pub(super) own_stale: u64,
    pub(super) late: u64,
    pub(super) invented: u64,
    pub(super) stuck: u64,
    pub(super) worst_local: Duration,
    pub(super) examples: Vec<String>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::disallowed_methods, reason = "the checker's one clock")]
pub(super) fn now() -> Instant {
    Instant::now()
}

impl World {
    pub(super) fn new(rows: usize, nodes: usize, lease: Duration) -> Self {
        let row = || Row { own: (0..nodes).map(|_| Mutex::default()).collect(), ..Row::default() };
        Self {
            rows: (0..rows).map(|_| row()).collect(),
            lease,
            counts: Mutex::default(),
            reads: AtomicU64::new(0),
            local: AtomicU64::new(0),
            redis: AtomicU64::new(0),
            joined: AtomicU64::new(0),
            loaded: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
            unknown: AtomicU64::new(0),
            worst_local_micros: AtomicU64::new(0),
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The committed version.
    pub(super) fn version(&self, row: usize) -> u64 {
        self.rows[row].version.load(SeqCst)
    }

    pub(super) fn commit(&self, row: usize) -> u64 {
        self.rows[row].version.fetch_add(1, SeqCst) + 1
    }

    /// The invalidation of a mutation returned.
    pub(super) fn acknowledge(&self, node: usize, row: usize, version: u64, outcome: bool) {
        if !outcome {
            self.unknown.fetch_add(1, SeqCst);
            return;
        }
        self.acknowledged.fetch_add(1, SeqCst);
        for floors in [&self.rows[row].floors, &self.rows[row].own[node]] {
            // The time is taken under the lock: who looks later sees it.
            let mut floors = lock(floors);
            floors.raise(now(), version);
        }
    }

    /// A mutator died after its commit, under a fence that ends by itself then.
    pub(super) fn died_fenced(&self, row: usize, version: u64, fence_ttl: Duration) {
        let mut floors = lock(&self.rows[row].floors);
        let now = now();
        let (due, future) = floors.future.drain(..).partition::<Vec<_>, _>(|(at, _)| *at <= now);
        floors.future = future;
        for (at, version) in due {
            floors.raise(at.max(now), version);
        }
        floors.future.push((now + fence_ttl, version));
    }

    pub(super) fn stuck(&self, what: String) {
        self.note(Violation::Stuck, what);
    }

    pub(super) fn judge(&self, read: &Read) {
        self.reads.fetch_add(1, SeqCst);
        let Read { node, row, started, value, source } = *read;
        let local = source == Source::Local;
        let counter = match source {
            Source::Local => &self.local,
            Source::Redis => &self.redis,
            Source::Joined => &self.joined,
            _ => &self.loaded,
        };
        counter.fetch_add(1, SeqCst);
        let describe = |floor: u64| {
            format!("node {node} read version {value} of row {row} from {source:?}, and {floor} was the floor")
        };
        if value > self.version(row) {
            self.note(Violation::Invented, describe(self.version(row)));
        }
        let own = lock(&self.rows[row].own[node]).at(started);
        if value < own {
            self.note(Violation::OwnStale, describe(own));
        }
        let floors = lock(&self.rows[row].floors);
        if local {
            if let Some(since) = floors.outdated_since(value)
                && let Some(behind) = started.checked_duration_since(since)
            {
                let micros = u64::try_from(behind.as_micros()).unwrap_or(u64::MAX);
                self.worst_local_micros.fetch_max(micros, SeqCst);
            }
            let floor = started.checked_sub(self.lease).map_or(0, |then| floors.at(then));
            drop(floors);
            if value < floor {
                self.note(Violation::Late, describe(floor));
            }
        } else {
            let floor = floors.at(started);
            drop(floors);
            if value < floor {
                self.note(Violation::Stale, describe(floor));
            }
        }
    }

    fn note(&self, violation: Violation, what: String) {
        let mut counts = lock(&self.counts);
        counts.total[violation as usize] += 1;
        if counts.violations.len() < 5 {
            counts.violations.push((violation, what));
        }
    }

    pub(super) fn reads(&self) -> u64 {
        self.reads.load(SeqCst)
    }

    pub(super) fn has_violations(&self) -> bool {
        !lock(&self.counts).violations.is_empty()
    }

    pub(super) fn sums(&self) -> Sums {
        let counts = lock(&self.counts);
        let [stale, own_stale, late, invented, stuck] = counts.total;
        Sums {
            reads: self.reads(),
            local: self.local.load(SeqCst),
            redis: self.redis.load(SeqCst),
            joined: self.joined.load(SeqCst),
            loaded: self.loaded.load(SeqCst),
            acknowledged: self.acknowledged.load(SeqCst),
            unknown: self.unknown.load(SeqCst),
            stale,
            own_stale,
            late,
            invented,
            stuck,
            worst_local: Duration::from_micros(self.worst_local_micros.load(SeqCst)),
            examples: counts.violations.iter().map(|(violation, what)| format!("{violation:?}: {what}")).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_millis(100);

    fn read(world: &World, started: Instant, value: u64, source: Source) {
        world.judge(&Read { node: 0, row: 0, started, value, source });
    }

    #[test]
    fn a_read_is_held_against_the_floor_at_its_start() {
        let world = World::new(1, 2, LEASE);
        let before = now();
        let version = world.commit(0);
        world.acknowledge(1, 0, version, true);
        let after = now() + Duration::from_micros(1);
        read(&world, before, 0, Source::Redis);
        read(&world, after, 1, Source::Redis);
        // Another node's tier may be behind, for one lease.
        read(&world, after, 0, Source::Local);
        assert!(!world.has_violations(), "{:?}", world.sums().examples);
        read(&world, after, 0, Source::Joined);
        assert_eq!(world.sums().stale, 1);
        read(&world, after + LEASE, 0, Source::Local);
        assert_eq!(world.sums().late, 1);
        read(&world, after, 2, Source::Redis);
        assert_eq!(world.sums().invented, 1);
    }

    #[test]
    fn a_node_reads_what_it_acknowledged_itself() {
        let world = World::new(1, 1, LEASE);
        let version = world.commit(0);
        world.acknowledge(0, 0, version, true);
        read(&world, now() + Duration::from_micros(1), 0, Source::Local);
        assert_eq!(world.sums().own_stale, 1);
    }

    #[test]
    fn what_is_not_known_binds_nobody() {
        let world = World::new(1, 1, LEASE);
        let version = world.commit(0);
        world.acknowledge(0, 0, version, false);
        read(&world, now() + Duration::from_secs(1), 0, Source::Redis);
        assert!(!world.has_violations());
    }

    #[test]
    fn a_dead_mutators_fence_binds_when_it_has_ended() {
        let world = World::new(1, 1, LEASE);
        let version = world.commit(0);
        world.died_fenced(0, version, Duration::from_secs(5));
        read(&world, now() + Duration::from_secs(4), 0, Source::Redis);
        assert!(!world.has_violations());
        read(&world, now() + Duration::from_secs(6), 0, Source::Redis);
        assert_eq!(world.sums().stale, 1);
    }
}
