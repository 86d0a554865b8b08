//! The rows, what may be read of them, and what was.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cache_runtime::Source;

use super::clock::now;
use super::floors::Floors;
use super::history::{History, What};
use super::tally::{Count, Peak, Tally};

/// Of how many violations more than their number is told.
const TOLD: usize = 3;

/// Which promise was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// P1.
    Stale,
    /// P2.
    OwnStale,
    /// P3.
    Late,
    /// P4.
    Invented,
    /// P6: a call that did not end.
    Stuck,
    /// P7: what a node owed was not delivered in the end, or the node was of no use.
    Owed,
    /// P7: after the end, something else than what is committed was read.
    Lost,
}

impl Violation {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Stale, Self::OwnStale, Self::Late, Self::Invented, Self::Stuck, Self::Owed, Self::Lost];
}

/// A finished read.
#[derive(Clone, Copy)]
pub(super) struct Read {
    pub(super) node: usize,
    pub(super) row: usize,
    pub(super) started: Instant,
    pub(super) value: u64,
    /// `None`: the caller was not told.
    pub(super) source: Option<Source>,
}

#[derive(Default)]
struct Row {
    version: AtomicU64,
    floors: Mutex<Floors>,
    /// Of each node's own acknowledgements.
    own: Vec<Mutex<Floors>>,
    history: Mutex<History>,
}

/// A fault, over or not.
struct Trouble {
    name: &'static str,
    began: Instant,
    ended: Option<Instant>,
}

#[derive(Default)]
struct Verdict {
    total: [u64; 7],
    examples: Vec<String>,
}

/// The source of truth, and the judge.
pub(super) struct World {
    pub(super) tally: Tally,
    rows: Vec<Row>,
    lease: Duration,
    /// Whether nodes keep entries in process.
    tier: bool,
    began: Instant,
    troubles: Mutex<Vec<Trouble>>,
    verdict: Mutex<Verdict>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    pub(super) fn new(rows: usize, nodes: usize, lease: Duration, tier: bool) -> Self {
        let row = || Row { own: (0..nodes).map(|_| Mutex::default()).collect(), ..Row::default() };
        Self {
            tally: Tally::default(),
            rows: (0..rows).map(|_| row()).collect(),
            lease,
            tier,
            began: now(),
            troubles: Mutex::default(),
            verdict: Mutex::default(),
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The committed version.
    pub(super) fn version(&self, row: usize) -> u64 {
        self.rows[row].version.load(SeqCst)
    }

    pub(super) fn commit(&self, node: usize, row: usize) -> u64 {
        let version = self.rows[row].version.fetch_add(1, SeqCst) + 1;
        self.remember(node, row, What::Committed, version);
        version
    }

    /// The invalidation of a mutation succeeded.
    pub(super) fn acknowledge(&self, node: usize, row: usize, version: u64) {
        self.tally.count(Count::Acknowledged);
        for floors in [&self.rows[row].floors, &self.rows[row].own[node]] {
            // The time is taken under the lock: who looks later sees it.
            let mut floors = lock(floors);
            floors.raise(now(), version);
        }
        self.remember(node, row, What::Acknowledged, version);
    }

    /// Nobody knows yet what became of the invalidation of a mutation: it binds nobody before the end.
    pub(super) fn unknown(&self, node: usize, row: usize, version: u64) {
        self.tally.count(Count::Unknown);
        self.remember(node, row, What::Unknown, version);
    }

    /// A mutator died after its commit, under a fence that ends by itself then.
    pub(super) fn died_fenced(&self, node: usize, row: usize, version: u64, fence_ttl: Duration) {
        self.tally.count(Count::Died);
        let mut floors = lock(&self.rows[row].floors);
        floors.raise(now() + fence_ttl, version);
        drop(floors);
        self.remember(node, row, What::Died, version);
    }

    fn remember(&self, node: usize, row: usize, what: What, version: u64) {
        let now = now();
        lock(&self.rows[row].history).note(node, what, version, now, now);
    }

    pub(super) fn judge(&self, read: &Read) {
        let Read { node, row, started, value, source } = *read;
        self.tally.count(match source {
            Some(Source::Local) => Count::Local,
            Some(Source::Redis) => Count::Redis,
            Some(Source::Joined) => Count::Joined,
            Some(_) => Count::Loaded,
            None => Count::Untold,
        });
        lock(&self.rows[row].history).note(node, What::Read(source), value, started, now());
        if value > self.version(row) {
            self.broken(Violation::Invented, read, self.version(row));
        }
        let own = lock(&self.rows[row].own[node]).at(started);
        if value < own {
            self.broken(Violation::OwnStale, read, own);
        }
        let floors = lock(&self.rows[row].floors);
        let may_be_local = source.map_or(self.tier, |source| source == Source::Local);
        if may_be_local {
            if let Some(since) = floors.outdated_since(value)
                && let Some(behind) = started.checked_duration_since(since)
            {
                self.tally.peak(Peak::Lag, behind);
            }
            let floor = started.checked_sub(self.lease).map_or(0, |then| floors.at(then));
            drop(floors);
            if value < floor {
                self.broken(Violation::Late, read, floor);
            }
        } else {
            let floor = floors.at(started);
            drop(floors);
            if value < floor {
                self.broken(Violation::Stale, read, floor);
            }
        }
    }

    /// A read when everything is over, and everything delivered.
    pub(super) fn judge_the_last(&self, read: &Read) {
        self.judge(read);
        let committed = self.version(read.row);
        if read.value != committed {
            self.broken(Violation::Lost, read, committed);
        }
    }

    fn broken(&self, violation: Violation, read: &Read, floor: u64) {
        let Read { node, row, value, source, started } = read;
        let source = source.map_or("somewhere", Source::as_str);
        let at = self.millis(*started);
        let what = format!("at {at} ms node {node} read {value} of row {row} from {source}, and {floor} was the floor");
        self.note(violation, what, Some(*row));
    }

    /// A caller waited in vain.
    pub(super) fn stuck(&self, node: usize, row: usize) {
        self.note(Violation::Stuck, format!("node {node}, row {row}, until {} ms", self.millis(now())), Some(row));
    }

    /// A node did not settle.
    pub(super) fn owed(&self, node: usize, what: &str) {
        self.note(Violation::Owed, format!("node {node}: {what}"), None);
    }

    fn note(&self, violation: Violation, mut what: String, row: Option<usize>) {
        let mut verdict = lock(&self.verdict);
        verdict.total[violation as usize] += 1;
        if verdict.examples.len() < TOLD {
            // The others are of the same kind, as a rule.
            if let Some(row) = row.filter(|_| verdict.examples.is_empty()) {
                what += &self.story(row);
            }
            verdict.examples.push(format!("{violation:?}: {what}"));
        }
    }

    /// What happened to a row lately, and to the servers meanwhile.
    fn story(&self, row: usize) -> String {
        let mut events: Vec<(Instant, String)> = lock(&self.rows[row].history).tell().collect();
        // What happened before it may still show.
        let since = events.iter().map(|(at, _)| *at).min().unwrap_or(self.began);
        for Trouble { name, began, ended } in lock(&self.troubles).iter() {
            if ended.is_none_or(|ended| ended + self.lease > since) {
                events.push((*began, format!("{name} begins")));
                events.extend(ended.map(|ended| (ended, format!("{name} is over"))));
            }
        }
        events.sort_by_key(|(at, _)| *at);
        events.iter().map(|(at, what)| format!("\n  {:>7} ms  {what}", self.millis(*at))).collect()
    }

    fn millis(&self, at: Instant) -> u128 {
        at.saturating_duration_since(self.began).as_millis()
    }

    pub(super) fn fault_begins(&self, name: &'static str) {
        lock(&self.troubles).push(Trouble { name, began: now(), ended: None });
    }

    /// `happened`: false if there was no occasion for it after all.
    pub(super) fn fault_ends(&self, happened: bool) {
        let mut troubles = lock(&self.troubles);
        match (happened, troubles.last_mut()) {
            (true, Some(last)) => last.ended = Some(now()),
            _ => _ = troubles.pop(),
        }
    }

    pub(super) fn faults(&self) -> Vec<&'static str> {
        lock(&self.troubles).iter().map(|trouble| trouble.name).collect()
    }

    pub(super) fn has_violations(&self) -> bool {
        lock(&self.verdict).total.iter().any(|total| *total > 0)
    }

    /// How often each promise was broken, and the first few times in words.
    pub(super) fn verdict(&self) -> ([u64; 7], Vec<String>) {
        let verdict = lock(&self.verdict);
        (verdict.total, verdict.examples.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_millis(100);

    fn world(nodes: usize, tier: bool) -> World {
        World::new(1, nodes, LEASE, tier)
    }

    fn read(world: &World, started: Instant, value: u64, source: Option<Source>) {
        world.judge(&Read { node: 0, row: 0, started, value, source });
    }

    fn times(world: &World, violation: Violation) -> u64 {
        world.verdict().0[violation as usize]
    }

    #[test]
    fn a_read_is_held_against_the_floor_at_its_start() {
        let world = world(2, true);
        let before = now();
        let version = world.commit(1, 0);
        world.acknowledge(1, 0, version);
        let after = now() + Duration::from_micros(1);
        read(&world, before, 0, Some(Source::Redis));
        read(&world, after, 1, Some(Source::Redis));
        // Another node's tier may be behind, for one lease.
        read(&world, after, 0, Some(Source::Local));
        read(&world, after, 0, None);
        assert!(!world.has_violations(), "{:?}", world.verdict().1);
        read(&world, after, 0, Some(Source::Joined));
        assert_eq!(times(&world, Violation::Stale), 1);
        read(&world, after + LEASE, 0, Some(Source::Local));
        read(&world, after + LEASE, 0, None);
        assert_eq!(times(&world, Violation::Late), 2);
        read(&world, after, 2, Some(Source::Redis));
        assert_eq!(times(&world, Violation::Invented), 1);
    }

    #[test]
    fn without_a_tier_nobody_may_be_behind() {
        let world = world(2, false);
        let version = world.commit(1, 0);
        world.acknowledge(1, 0, version);
        read(&world, now() + Duration::from_micros(1), 0, None);
        assert_eq!(times(&world, Violation::Stale), 1);
    }

    #[test]
    fn a_node_reads_what_it_acknowledged_itself() {
        let world = world(1, true);
        let version = world.commit(0, 0);
        world.acknowledge(0, 0, version);
        read(&world, now() + Duration::from_micros(1), 0, Some(Source::Local));
        assert_eq!(times(&world, Violation::OwnStale), 1);
    }

    #[test]
    fn what_is_not_known_binds_nobody_before_the_end() {
        let world = world(1, true);
        let version = world.commit(0, 0);
        world.unknown(0, 0, version);
        let old = Read { node: 0, row: 0, started: now() + LEASE * 10, value: 0, source: Some(Source::Redis) };
        world.judge(&old);
        assert!(!world.has_violations());
        world.judge_the_last(&old);
        assert_eq!(times(&world, Violation::Lost), 1);
    }

    #[test]
    fn a_dead_mutators_fence_binds_when_it_has_ended() {
        let world = world(1, true);
        let version = world.commit(0, 0);
        world.died_fenced(0, 0, version, Duration::from_secs(5));
        read(&world, now() + Duration::from_secs(4), 0, Some(Source::Redis));
        assert!(!world.has_violations());
        read(&world, now() + Duration::from_secs(6), 0, Some(Source::Redis));
        assert_eq!(times(&world, Violation::Stale), 1);
    }

    #[test]
    fn a_violation_is_told_with_what_happened_before_it() {
        let world = world(1, true);
        world.fault_begins("a nap");
        world.fault_ends(false);
        world.fault_begins("a storm");
        let version = world.commit(0, 0);
        world.fault_ends(true);
        world.acknowledge(0, 0, version);
        read(&world, now() + LEASE, 0, Some(Source::Redis));
        let example = &world.verdict().1[0];
        for told in ["a storm begins", "node 0: 1 Committed", "a storm is over", "node 0: 1 Acknowledged", "read 0"] {
            assert!(example.contains(told), "{told}: {example}");
        }
        assert!(!example.contains("a nap"), "{example}");
        assert_eq!(world.faults(), ["a storm"]);
    }
}
