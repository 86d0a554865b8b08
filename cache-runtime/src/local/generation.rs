//! The generation table: how an invalidation of any size voids in-process entries in constant time.
//!
//! A fixed array of counters, indexed by hash of tag or key. Invalidation bumps; an entry carries the
//! counters seen before its load began and is a hit only while they are unchanged. Two names in one slot
//! cost an extra load, never a stale value. No index of members, so nothing grows and nothing leaks.

use smallvec::SmallVec;

use crate::Key;
use crate::key::{Tagset, tag_hash};
use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};

/// What an entry carries: the epoch, the key's counter, which tags the key has, and the counter of each tag, those of its
/// result last.
pub(crate) type Seen = SmallVec<[u32; 6]>;

/// Where the counters of an entry are: that of its key, then of its tags, those of its result last.
pub(crate) type Places = SmallVec<[u32; 4]>;

/// Where the counters of the tags begin.
const TAGS: usize = 3;
/// How many counters an entry without tags carries.
#[cfg(feature = "inspect")]
pub(super) const UNTAGGED: usize = TAGS;

pub(crate) struct Generations {
    slots: Box<[AtomicU32]>,
    /// Bumped when everything is void.
    epoch: AtomicU32,
    /// How often anything was bumped. Counted **behind** the bump: who reads this, and then finds a counter unchanged, knows
    /// that no bump of it has returned while this still reads the same. Counted before, it could be read between the two,
    /// and the old counter be taken for good. Both are sequentially consistent: an invalidation that returned before a
    /// read began has counted here, and the read sees it.
    bumps: AtomicU64,
}

impl Generations {
    pub(crate) fn new(slots: usize) -> Self {
        let slots = slots.clamp(1, 1 << 31).next_power_of_two();
        Self {
            slots: (0..slots).map(|_| AtomicU32::new(0)).collect(),
            epoch: AtomicU32::new(0),
            bumps: AtomicU64::new(0),
        }
    }

    /// How often anything was bumped; read it before [`unchanged`](Self::unchanged), whose answer then stands until this
    /// reads otherwise.
    #[inline]
    pub(crate) fn bumps(&self) -> u64 {
        self.bumps.load(SeqCst)
    }

    fn place(&self, hash: u64) -> u32 {
        (hash & (self.slots.len() as u64 - 1)) as u32
    }

    fn slot(&self, hash: u64) -> &AtomicU32 {
        &self.slots[self.place(hash) as usize]
    }

    /// Where to look for [`unchanged_at`](Self::unchanged_at).
    pub(crate) fn places(&self, key: &Key, found: &[String]) -> Places {
        let tags = key.tag_bytes().chain(found.iter().map(String::as_bytes)).map(tag_hash);
        std::iter::once(key.hash64()).chain(tags).map(|hash| self.place(hash)).collect()
    }

    /// As [`unchanged`](Self::unchanged), of the key and the tags that `seen` is of.
    pub(crate) fn unchanged_at(&self, places: &Places, seen: &[u32]) -> bool {
        let seen_there = seen[1..2].iter().chain(&seen[TAGS..]);
        seen[0] == self.epoch.load(SeqCst)
            && places.iter().zip(seen_there).all(|(place, seen)| self.slots[*place as usize].load(SeqCst) == *seen)
    }

    fn tag_slot(&self, tag: &str) -> &AtomicU32 {
        self.slot(tag_hash(tag))
    }

    /// The counters as they stand now; call before the load, or before the READ is sent.
    pub(crate) fn seen(&self, key: &Key) -> Seen {
        let mut seen = Seen::new();
        seen.push(self.epoch.load(SeqCst));
        seen.push(self.slot(key.hash64()).load(SeqCst));
        seen.push(0);
        let mut tagset = Tagset::default();
        seen.extend(key.tag_bytes().map(|tag| {
            let hash = tag_hash(tag);
            tagset.add(hash);
            self.slot(hash).load(SeqCst)
        }));
        seen[TAGS - 1] = tagset.finish();
        seen
    }

    /// Adds the counters of tags that became known later; call before their READ is sent.
    pub(crate) fn see_more(&self, seen: &mut Seen, tags: &[String]) {
        seen.extend(tags.iter().map(|tag| self.tag_slot(tag).load(SeqCst)));
    }

    /// `found`: the tags of the entry that its key does not tell.
    pub(crate) fn unchanged(&self, key: &Key, found: &[String], seen: &[u32]) -> bool {
        let mut tagset = Tagset::default();
        let of_key = |(tag, seen): (&[u8], &u32)| {
            let hash = tag_hash(tag);
            tagset.add(hash);
            self.slot(hash).load(SeqCst) == *seen
        };
        seen.len() == TAGS + key.tag_count() + found.len()
            && seen[0] == self.epoch.load(SeqCst)
            && seen[1] == self.slot(key.hash64()).load(SeqCst)
            && key.tag_bytes().zip(&seen[TAGS..]).all(of_key)
            // Counters of other tags may be equal.
            && seen[TAGS - 1] == tagset.finish()
            && found.iter().zip(&seen[TAGS + key.tag_count()..]).all(|(tag, seen)| self.tag_slot(tag).load(SeqCst) == *seen)
    }

    pub(crate) fn bump(&self, hash: u64) {
        self.slot(hash).fetch_add(1, SeqCst);
        self.bumps.fetch_add(1, SeqCst);
    }

    pub(crate) fn bump_all(&self) {
        self.epoch.fetch_add(1, SeqCst);
        self.bumps.fetch_add(1, SeqCst);
    }

    pub(crate) fn epoch(&self) -> u32 {
        self.epoch.load(SeqCst)
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
        table.bump(tag_hash("users"));
        assert!(!table.unchanged(&key, &[], &seen));
        assert!(table.unchanged(&other, &[], &seen_other));
        table.bump(other.hash64());
        assert!(!table.unchanged(&other, &[], &seen_other));
    }

    #[test]
    fn the_epoch_voids_everything() {
        let table = Generations::new(1);
        let key = Key::new("a");
        let seen = table.seen(&key);
        assert!(table.unchanged(&key, &[], &seen));
        table.bump_all();
        assert!(!table.unchanged(&key, &[], &seen));
    }

    #[test]
    fn other_tags_are_other_counters() {
        let table = Generations::new(16);
        let seen = table.seen(&Key::new("a").tag("x"));
        assert!(!table.unchanged(&Key::new("a"), &[], &seen));
        table.bump(tag_hash("x"));
        assert!(!table.unchanged(&Key::new("a").tag("y"), &[], &seen), "whose counter is what that of x was");
    }
}
