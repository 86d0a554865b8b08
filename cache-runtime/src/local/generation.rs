//! The generation table: how an invalidation of any size voids in-process entries in constant time.
//!
//! A fixed array of counters, indexed by hash of tag or key. Invalidation bumps; an entry carries the
//! counters seen before its load began and is a hit only while they are unchanged. Two names in one slot
//! cost an extra load, never a stale value. No index of members, so nothing grows and nothing leaks.

use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64;

use crate::Key;
use crate::sync::atomic::{AtomicU32, Ordering::SeqCst};

/// The counters of an entry: epoch, key, then each tag.
pub(crate) type Seen = SmallVec<[u32; 6]>;

pub(crate) struct Generations {
    slots: Box<[AtomicU32]>,
    /// Bumped when everything is void.
    epoch: AtomicU32,
}

impl Generations {
    pub(crate) fn new(slots: usize) -> Self {
        let slots = slots.max(1).next_power_of_two();
        Self { slots: (0..slots).map(|_| AtomicU32::new(0)).collect(), epoch: AtomicU32::new(0) }
    }

    fn slot(&self, hash: u64) -> &AtomicU32 {
        &self.slots[hash as usize & (self.slots.len() - 1)]
    }

    fn tag_slot(&self, tag: &str) -> &AtomicU32 {
        // Away from the key of the same text.
        self.slot(xxh3_64(tag.as_bytes()).rotate_left(32))
    }

    /// The counters as they stand now; call before the load.
    pub(crate) fn seen(&self, key: &Key) -> Seen {
        let mut seen = Seen::new();
        seen.push(self.epoch.load(SeqCst));
        seen.push(self.slot(key.hash64()).load(SeqCst));
        seen.extend(key.tags().map(|tag| self.tag_slot(tag).load(SeqCst)));
        seen
    }

    pub(crate) fn unchanged(&self, key: &Key, seen: &[u32]) -> bool {
        seen.len() == key.tag_count() + 2
            && seen[0] == self.epoch.load(SeqCst)
            && seen[1] == self.slot(key.hash64()).load(SeqCst)
            && key.tags().zip(&seen[2..]).all(|(tag, seen)| self.tag_slot(tag).load(SeqCst) == *seen)
    }

    pub(crate) fn bump_key(&self, key: &Key) {
        self.slot(key.hash64()).fetch_add(1, SeqCst);
    }

    pub(crate) fn bump_tag(&self, tag: &str) {
        self.tag_slot(tag).fetch_add(1, SeqCst);
    }

    pub(crate) fn bump_all(&self) {
        self.epoch.fetch_add(1, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_bumped_changes() {
        let table = Generations::new(1 << 12);
        let key = Key::new("user:1").tag("users").tag("org:1");
        let other = Key::new("user:2").tag("org:2");
        let (seen, seen_other) = (table.seen(&key), table.seen(&other));
        table.bump_tag("users");
        assert!(!table.unchanged(&key, &seen));
        assert!(table.unchanged(&other, &seen_other));
        table.bump_key(&other);
        assert!(!table.unchanged(&other, &seen_other));
    }

    #[test]
    fn the_epoch_voids_everything() {
        let table = Generations::new(1);
        let key = Key::new("a");
        let seen = table.seen(&key);
        assert!(table.unchanged(&key, &seen));
        table.bump_all();
        assert!(!table.unchanged(&key, &seen));
    }

    #[test]
    fn other_tags_are_other_counters() {
        let table = Generations::new(16);
        let seen = table.seen(&Key::new("a").tag("x"));
        assert!(!table.unchanged(&Key::new("a"), &seen));
    }
}
