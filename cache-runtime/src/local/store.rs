//! The entries of the in-process tier.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use quick_cache::{OptionsBuilder, sync};

use super::entry::{ByBytes, Leaving, LocalEntry, SLOT};
use super::front::{self, Called, Forms, Front, Looked, Slot};
use super::tie::Tie;
use super::{Generations, Lease, Seen};
use crate::flight::Shared;
use crate::key::tag_hash;
use crate::sync::RwLock;
use crate::{Key, clock};

/// In place of a ttl that is longer than the clock can count.
const FOR_GOOD: Duration = Duration::from_secs(1 << 32);
/// In its last second, an entry's lifetime is measured by the clock itself, not by the last tick.
const TICKS: Duration = Duration::from_secs(1);
/// One in so many bytes may be held by the threads' fronts, and is then not the store's.
const FRONTS: u64 = 8;

type Entries = sync::Cache<Box<str>, Arc<LocalEntry>, ByBytes, quick_cache::DefaultHashBuilder, Leaving>;

pub(crate) struct LocalStore {
    entries: Entries,
    generations: Generations,
    lease: Lease,
    /// Of `entries`, while the threads' fronts hold nothing.
    capacity: u64,
    tie: Arc<Tie>,
    written: Written,
}

/// What is written at times, apart from the cache lines that each hit reads.
#[repr(align(128))]
struct Written {
    /// How many entries were found void.
    voided: AtomicU64,
    /// How many sweeps by pattern there were. Entries are stored under its read lock, so that a sweep, which
    /// counts under the write lock and walks afterwards, finds every entry whose load saw the older count.
    sweeps: RwLock<u32>,
}

/// A value to store.
pub(crate) struct Fresh {
    pub(crate) value: Shared,
    pub(crate) negative: bool,
    pub(crate) shape: u64,
    /// Bytes of the value as it was encoded.
    pub(crate) bytes: u64,
    pub(crate) ttl: Duration,
    /// How old the value was already.
    pub(crate) age: Duration,
}

/// What a load has to have seen before it began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LocalObservation {
    seen: Seen,
    /// The tags that the result of an earlier load named, with counters behind those of the key's own.
    pub(crate) found: Arc<[String]>,
    sweeps: u32,
}

impl LocalObservation {
    pub(crate) fn bytes(&self) -> impl Iterator<Item = u8> {
        let found = self.found.iter().flat_map(|tag| tag_hash(tag).to_le_bytes());
        self.seen.iter().copied().chain([self.sweeps]).flat_map(u32::to_le_bytes).chain(found)
    }
}

impl LocalStore {
    pub(crate) fn new(bytes: u64, generation_slots: usize, lease: Lease) -> Self {
        // Half as many keys that went are remembered, in slots like those of entries.
        let remembered = (bytes / 2048).clamp(32, 1 << 15);
        let capacity = bytes.saturating_sub(remembered * SLOT).max(1);
        let options = OptionsBuilder::new()
            .weight_capacity(capacity)
            .estimated_items_capacity(remembered as usize * 2)
            .ghost_allocation(0.5)
            .build()
            .expect("both capacities are given");
        let tie = Tie::new(bytes / FRONTS);
        let leaving = Leaving(Arc::clone(&tie));
        Self {
            entries: sync::Cache::with_options(options, ByBytes, quick_cache::DefaultHashBuilder::default(), leaving),
            generations: Generations::new(generation_slots),
            lease,
            capacity,
            tie,
            written: Written { voided: AtomicU64::new(0), sweeps: RwLock::new(0) },
        }
    }

    /// What `take` makes of the entry, if it stands and this thread has seen it lately: without a lock and without a shared
    /// write. `take` is told whether it is a `None`.
    #[inline]
    pub(crate) fn hit_in_front<R>(
        &self,
        called: &Called<'_>,
        shape: u64,
        take: impl FnOnce(&Shared, bool) -> Option<R>,
    ) -> Option<R> {
        let taken = front::with(|front| {
            let (place, slot) = front.find(&self.tie, called)?;
            if slot.shape == shape && self.is_in_time(slot) && self.stands(slot) {
                return take(&slot.value, slot.negative);
            }
            front.forget(place);
            None
        });
        taken.flatten()
    }

    /// What `take` makes of the entry, if it stands. This thread then knows of it, for `called`.
    pub(crate) fn hit<R>(
        &self,
        called: Option<&Called<'_>>,
        key: &Key,
        shape: u64,
        take: impl FnOnce(&Shared, &LocalEntry) -> Option<R>,
        forms: &Forms,
    ) -> Option<R> {
        let looked = self.counted();
        let entry = self.get(key, shape)?;
        let Some(called) = called else { return take(&entry.value, &entry) };
        if front::with(Front::is_open) == Some(true) {
            let facts = (entry.weight(key.as_str()), self.generations.places(key, &entry.found), looked);
            front::with(|front| front.offer(&self.tie, called, &entry, facts, forms));
            self.tie.cede(|ceded| self.entries.set_capacity(self.capacity.saturating_sub(ceded).max(1)));
        }
        let copy = front::with(|front| front.copy(&self.tie, called, &entry).map(Arc::clone)).flatten();
        take(copy.as_ref().unwrap_or(&entry.value), &entry)
    }

    #[cfg(test)]
    pub(super) fn tie(&self) -> &Arc<Tie> {
        &self.tie
    }

    /// Whether the tier is vouched for and the entry's lifetime has not ended.
    #[inline]
    fn is_in_time(&self, slot: &Slot) -> bool {
        let forever = self.lease.is_forever();
        let now = if forever { clock::coarse() } else { clock::nanos() };
        (forever || self.lease.covers_nanos(now)) && (now < slot.fresh_until || self.is_in_time_yet(slot))
    }

    /// By the clock itself. The lease was looked at.
    #[cold]
    fn is_in_time_yet(&self, slot: &Slot) -> bool {
        clock::now() < slot.rest.entry.expires_at
    }

    /// What changes when an entry may not stand any more; to be read before it is looked at.
    #[inline]
    fn counted(&self) -> Looked {
        Looked { bumps: self.generations.bumps(), left: self.tie.left() }
    }

    /// Whether the entry is in the store, and nothing that voids it was bumped. The lease was looked at.
    #[inline]
    fn stands(&self, slot: &mut Slot) -> bool {
        let counted = self.counted();
        slot.looked == counted || self.stands_yet(slot, counted)
    }

    #[cold]
    fn stands_yet(&self, slot: &mut Slot, counted: Looked) -> bool {
        let entry = &slot.rest.entry;
        let unchanged = || self.generations.unchanged_at(&slot.rest.places, &entry.seen);
        let stands = !entry.is_gone() && (slot.looked.bumps == counted.bumps || unchanged());
        slot.looked = counted;
        stands
    }

    pub(crate) fn get(&self, key: &Key, shape: u64) -> Option<Arc<LocalEntry>> {
        self.stored(key).filter(|entry| entry.shape == shape)
    }

    /// The entry whatever its type, if it stands. The lease is looked at first, then epoch and counters.
    fn stored(&self, key: &Key) -> Option<Arc<LocalEntry>> {
        let entry = self.entries.get(key.as_str())?;
        let now = clock::now();
        if !self.lease.covers(now) {
            return None;
        }
        if !self.generations.unchanged(key, &entry.found, &entry.seen) {
            self.written.voided.fetch_add(1, Relaxed);
            return None;
        }
        if entry.expires_at <= now {
            self.entries.remove_if(key.as_str(), |there| Arc::ptr_eq(there, &entry));
            self.tie.leave(&entry);
            return None;
        }
        Some(entry)
    }

    /// What a load has to see before it begins, or a READ before it is sent.
    pub(crate) fn observe(&self, key: &Key) -> LocalObservation {
        let sweeps = *self.written.sweeps.read().unwrap_or_else(PoisonError::into_inner);
        LocalObservation { seen: self.generations.seen(key), found: Arc::default(), sweeps }
    }

    /// The same for tags that became known later, before what they hold is asked.
    pub(crate) fn observe_found(&self, observation: &mut LocalObservation, found: Vec<String>) {
        if found.is_empty() {
            return;
        }
        self.generations.see_more(&mut observation.seen, &found);
        observation.found = match observation.found.is_empty() {
            true => found.into(),
            false => observation.found.iter().cloned().chain(found).collect(),
        };
    }

    /// The tags that the latest known result of this key named; it need not stand any more.
    pub(crate) fn hint(&self, key: &Key) -> Vec<String> {
        self.entries.peek(key.as_str()).map(|entry| entry.found.to_vec()).unwrap_or_default()
    }

    /// Keeps the tags of a result that could not be stored because they were not known before its load.
    pub(crate) fn leave_hint(&self, key: &Key, found: Vec<String>, ttl: Duration) {
        let now = clock::now();
        let entry = LocalEntry {
            value: Arc::new(()),
            negative: false,
            shape: 0,
            found: found.into(),
            // None at all: it is no hit under any key.
            seen: Seen::new(),
            stored_at: now,
            expires_at: now.checked_add(ttl).unwrap_or(now + FOR_GOOD),
            fresh_until: 0,
            gone: AtomicBool::new(false),
            bytes: 0,
        };
        self.entries.insert(key.as_str().into(), Arc::new(entry));
    }

    /// Stores what was loaded after `observation`; false if it was invalidated meanwhile.
    pub(crate) fn fill(&self, key: &Key, observation: LocalObservation, fresh: Fresh) -> bool {
        let sweeps = self.written.sweeps.read().unwrap_or_else(PoisonError::into_inner);
        if *sweeps != observation.sweeps || !self.generations.unchanged(key, &observation.found, &observation.seen) {
            return false;
        }
        let Fresh { value, negative, shape, bytes, ttl, age } = fresh;
        let now = clock::now();
        let expires_at = now.checked_add(ttl).unwrap_or(now + FOR_GOOD);
        let stored_at = now.checked_sub(age).unwrap_or(now);
        let sure = u64::try_from(ttl.saturating_sub(TICKS).as_nanos()).unwrap_or(u64::MAX);
        // Of a lifetime that is no longer than a tick may be late, the tick says nothing.
        let fresh_until = if sure == 0 { 0 } else { clock::nanos().saturating_add(sure) };
        let LocalObservation { seen, found, .. } = observation;
        let gone = AtomicBool::new(false);
        let entry = LocalEntry { value, negative, shape, found, seen, stored_at, expires_at, fresh_until, gone, bytes };
        self.entries.insert(key.as_str().into(), Arc::new(entry));
        true
    }

    /// Voids keys and tags, in constant time each.
    pub(crate) fn void<'a>(&self, keys: impl IntoIterator<Item = &'a Key>, tags: impl IntoIterator<Item = &'a str>) {
        tags.into_iter().for_each(|tag| self.generations.bump(tag_hash(tag)));
        for key in keys {
            self.generations.bump(key.hash64());
            self.take_out(key.as_str());
        }
    }

    /// Voids the key or tag of this hash.
    pub(crate) fn void_hash(&self, hash: u64) {
        self.generations.bump(hash);
    }

    /// Voids everything, in constant time; the entries go when they are looked for, or to make room.
    pub(crate) fn new_epoch(&self) {
        self.generations.bump_all();
    }

    pub(crate) fn epoch(&self) -> u32 {
        self.generations.epoch()
    }

    pub(crate) fn lease(&self) -> &Lease {
        &self.lease
    }

    pub(crate) fn voided(&self) -> u64 {
        self.written.voided.load(Relaxed)
    }

    pub(crate) fn remove(&self, key: &Key) -> bool {
        let was_there = self.stored_untagged(key);
        self.void([key], []);
        was_there
    }

    /// Whether something stands under the key's text, whatever its tags.
    fn stored_untagged(&self, key: &Key) -> bool {
        self.entries.peek(key.as_str()).is_some_and(|entry| entry.expires_at > clock::now())
    }

    pub(crate) fn expires_in(&self, key: &Key) -> Option<Duration> {
        self.stored(key).map(|entry| entry.expires_at.saturating_duration_since(clock::now()))
    }

    /// Gives a standing entry a new lifetime; what was seen before its load stays with it.
    pub(crate) fn touch(&self, key: &Key, ttl: Duration) -> bool {
        // Before the look: an entry that is swept behind it must not come back.
        let sweeps = *self.written.sweeps.read().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = self.stored(key) else { return false };
        let observation = LocalObservation { seen: entry.seen.clone(), found: Arc::clone(&entry.found), sweeps };
        let LocalEntry { value, negative, shape, bytes, .. } = &*entry;
        let age = entry.stored_at.elapsed();
        let again = Fresh { value: Arc::clone(value), negative: *negative, shape: *shape, bytes: *bytes, ttl, age };
        self.fill(key, observation, again)
    }

    /// Removes the entries whose keys `matches` picks, and counts them.
    pub(crate) fn sweep(&self, matches: impl Fn(&str) -> bool) -> u64 {
        *self.written.sweeps.write().unwrap_or_else(PoisonError::into_inner) += 1;
        let picked: Vec<_> = self.entries.iter().filter(|(key, _)| matches(key)).map(|(key, _)| key).collect();
        picked.into_iter().filter(|key| self.take_out(key)).count() as u64
    }

    /// The keys that `matches` picks, with those that are void and not looked for yet.
    #[cfg(feature = "inspect")]
    pub(crate) fn keys(&self, matches: impl Fn(&str) -> bool) -> Vec<String> {
        self.entries.iter().filter(|(key, _)| matches(key)).map(|(key, _)| key.into()).collect()
    }

    /// What is kept under a key's text, and whether it stands under its tags.
    #[cfg(feature = "inspect")]
    pub(crate) fn glance(&self, key: &Key) -> Option<(Arc<LocalEntry>, bool)> {
        let entry = self.entries.peek(key.as_str()).filter(|entry| !entry.seen.is_empty())?;
        let stands = self.generations.unchanged(key, &entry.found, &entry.seen);
        let now = clock::now();
        let in_time = self.lease.covers(now) && now < entry.expires_at;
        Some((entry, stands && in_time))
    }

    fn take_out(&self, key: &str) -> bool {
        let taken = self.entries.remove(key);
        taken.is_some_and(|(_, entry)| {
            self.tie.leave(&entry);
            true
        })
    }

    pub(crate) fn clear(&self) {
        self.new_epoch();
        self.take_all_out();
    }

    fn take_all_out(&self) {
        self.entries.retain(|_, entry| {
            self.tie.leave(entry);
            false
        });
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn weight(&self) -> u64 {
        self.entries.weight()
    }
}

impl Drop for LocalStore {
    /// What threads still know of is let go by those that go on looking things up.
    fn drop(&mut self) {
        self.take_all_out();
    }
}
