//! What one thread called for lately: the way to a hot entry without a rendered key, without a lock, and without a write
//! that another core has to wait for.
//!
//! Invariants:
//! 1. What is found here is what the store holds: whatever leaves the store is marked [gone](LocalEntry::is_gone), and then
//!    counted in [`Tie::left`], before the operation that took it out returns. The mark is looked at whenever that count is
//!    another than at the last look.
//! 2. It is a hit under the same conditions as in the store: lease, epoch, counters of key and tags, lifetime, shape.
//! 3. What all threads hold together is paid out of the tier's bound: each slot takes its entry's weight from the
//!    [`Tie`] to the store, and gives it back when it lets go. A thread without calls holds on until it ends.
//! 4. Clones of a value count themselves in one place, which the threads would fight for: threads that hold the same entry
//!    make its value again, each for itself, where type and size allow that. What is held of such a type is what its clones
//!    share, without the value around it.
//! 5. The store learns that an entry is hot: now and then a look goes there although the entry is here.

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::sync::Arc;

use smallvec::SmallVec;

use super::entry::LocalEntry;
use super::generation::Places;
use super::tie::Tie;
use crate::flight::Shared;
use crate::key::{FIRST, Parts};
use crate::site::Site;
use crate::sync::thread_local;

/// Places with the same index of the hash: so many that a thousand hot keys hardly ever need more of one.
const WAYS: usize = 8;
/// Of 128 bytes each: 256 KiB for each thread that hits.
const SLOTS: usize = 2048;
/// One in so many looks that find nothing here takes the entry in: what passes through once is not worth it.
const TAKEN_IN: u8 = if cfg!(shuttle) { 1 } else { 8 };
/// Values up to so many bytes, encoded, are made again for the next thread.
const COPIED: u64 = 4096;
/// One in so many hits of an entry goes to the store.
const TOLD: u8 = 128;

/// A call of a function, before its key is rendered.
#[derive(Clone, Copy)]
pub(crate) struct Called<'a> {
    site: &'static Site,
    parts: &'a Parts,
    hash: u64,
}

impl<'a> Called<'a> {
    #[inline]
    pub(crate) fn new(site: &'static Site, parts: &'a Parts) -> Self {
        // Inlined, as all of this is: it is a few instructions, where a call of it is as many again.
        Self { site, parts, hash: parts.hash(std::ptr::from_ref(site).addr() as u64) }
    }

    #[inline]
    fn set(&self) -> usize {
        self.hash as usize % (SLOTS / WAYS)
    }

    /// What of the hash has no part in [`set`](Self::set).
    #[inline]
    fn tag(&self) -> u8 {
        (self.hash >> 56) as u8
    }
}

/// What a front makes of a value that the store holds, where its type allows it.
#[derive(Debug)]
pub(crate) struct Forms {
    /// What its clones share: a hit has one step less to it than through the value.
    pub(crate) bare: fn(&Shared) -> Option<Shared>,
    /// The same, made again.
    pub(crate) again: fn(&Shared) -> Option<Shared>,
}

/// A byte of the hash for each place of a set, so that another slot is hardly ever looked at.
#[derive(Clone, Copy, Default)]
struct Tags(u64);

impl Tags {
    const EACH: u64 = u64::from_le_bytes([1; WAYS]);

    /// A bit in the byte of each place that has this tag, and seldom in that of one above it.
    #[inline]
    fn like(self, tag: u8) -> u64 {
        let differing = self.0 ^ (Self::EACH * u64::from(tag));
        differing.wrapping_sub(Self::EACH) & !differing & (Self::EACH << 7)
    }

    fn set(&mut self, way: usize, tag: u8) {
        let mut tags = self.0.to_le_bytes();
        tags[way] = tag;
        self.0 = u64::from_le_bytes(tags);
    }
}

/// What a hit reads, on two cache lines, and behind them the [rest](Rest).
#[repr(align(128))]
pub(super) struct Slot {
    site: &'static Site,
    kinds: u64,
    words: [u64; FIRST],
    /// To the store that the entry is from; which store that is, too.
    tie: Arc<Tie>,
    pub(super) shape: u64,
    /// Of the entry, or made again for this thread; [bare](Forms::bare), where its type allows it.
    pub(super) value: Shared,
    pub(super) negative: bool,
    /// Hits since others wanted the place, at most 255.
    worth: u8,
    /// Hits since the store was told.
    untold: u8,
    /// Until then the clock of the last tick will do.
    pub(super) fresh_until: u64,
    pub(super) looked: Looked,
    pub(super) rest: Box<Rest>,
}

/// What of a slot a hit seldom needs.
pub(super) struct Rest {
    words: SmallVec<[u64; 2]>,
    pub(super) entry: Arc<LocalEntry>,
    /// Where the entry's counters are.
    pub(super) places: Places,
    weight: u64,
    /// Whether the value was made again, where other threads use that of the entry.
    copied: bool,
}

/// What had been counted when an entry was found to stand. As long as nothing more is, it does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Looked {
    /// Bumps of any counter.
    pub(super) bumps: u64,
    /// Entries that left the store.
    pub(super) left: u64,
}

const _: () = assert!(size_of::<Option<Slot>>() == 128, "two cache lines");

impl Slot {
    #[inline]
    fn is_of(&self, tie: &Arc<Tie>, called: &Called<'_>) -> bool {
        Arc::ptr_eq(&self.tie, tie)
            && std::ptr::eq(self.site, called.site)
            && self.kinds == called.parts.kinds()
            && match called.parts.words() {
                [only] => *only == self.words[0],
                words => self.has(words),
            }
    }

    /// The kinds tell how many words there are.
    #[inline(never)]
    fn has(&self, words: &[u64]) -> bool {
        // One by one: they have just been written one by one.
        words.iter().zip(&self.words).all(|(wanted, held)| wanted == held)
            && (words.len() <= FIRST || self.rest.words[..] == words[FIRST..])
    }

    fn new(tie: &Arc<Tie>, called: &Called<'_>, looked: Looked, value: Shared, rest: Rest) -> Self {
        let entry = &rest.entry;
        Self {
            site: called.site,
            kinds: called.parts.kinds(),
            words: *called.parts.first(),
            tie: Arc::clone(tie),
            shape: entry.shape,
            value,
            negative: entry.negative,
            worth: 1,
            untold: 0,
            fresh_until: entry.fresh_until,
            looked,
            rest: Box::new(rest),
        }
    }

    /// That of another entry. What it weighed was given back.
    fn turn_into(&mut self, tie: &Arc<Tie>, called: &Called<'_>, looked: Looked, value: Shared, rest: Rest) {
        self.site = called.site;
        self.kinds = called.parts.kinds();
        self.words = *called.parts.first();
        self.tie = Arc::clone(tie);
        self.shape = rest.entry.shape;
        self.value = value;
        self.negative = rest.entry.negative;
        self.worth = 1;
        self.untold = 0;
        self.fresh_until = rest.entry.fresh_until;
        self.looked = looked;
        *self.rest = rest;
    }

    /// Makes the value again, for this thread alone.
    fn take_copy(&mut self, forms: &Forms) {
        let bytes = self.rest.entry.bytes;
        if bytes > COPIED {
            return;
        }
        // Most kinds of values cannot be made again: these take nothing.
        if let Some(value) = (forms.again)(&self.rest.entry.value)
            && self.tie.take(bytes)
        {
            self.rest.weight += bytes;
            self.value = value;
            self.rest.copied = true;
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.tie.give_back(self.rest.weight);
    }
}

/// Where in a front something was found.
pub(super) type Place = usize;

#[derive(Default)]
pub(super) struct Front {
    /// Empty until something is taken in.
    slots: Vec<Option<Slot>>,
    /// Of the slots, set by set.
    tags: Vec<Tags>,
    /// Looks that found nothing, up to [`TAKEN_IN`].
    missed: u8,
}

thread_local! {
    static FRONT: RefCell<Front> = RefCell::default();
}

/// Acts on this thread's front; `None` while the thread ends, and inside of a value's own `clone` or `drop`.
#[inline]
pub(super) fn with<R>(act: impl FnOnce(&mut Front) -> R) -> Option<R> {
    FRONT.try_with(|front| front.try_borrow_mut().ok().map(|mut front| act(&mut front))).ok().flatten()
}

impl Front {
    /// Where this call's entry of that store is.
    #[inline(always)]
    fn place(&self, tie: &Arc<Tie>, called: &Called<'_>) -> Option<Place> {
        let (set, wanted) = (called.set(), called.tag());
        let mut ways = self.tags.get(set)?.like(wanted);
        while ways != 0 {
            let place = set * WAYS + ways.trailing_zeros() as usize / 8;
            if self.slots[place].as_ref().is_some_and(|slot| slot.is_of(tie, called)) {
                return Some(place);
            }
            ways &= ways - 1;
        }
        None
    }

    /// The slot of this call in that store, with another hit noted; `None` also when the store is to be told.
    #[inline]
    pub(super) fn find(&mut self, tie: &Arc<Tie>, called: &Called<'_>) -> Option<(Place, &mut Slot)> {
        let place = self.place(tie, called)?;
        let slot = self.slots[place].as_mut()?;
        slot.worth = slot.worth.saturating_add(1);
        slot.untold += 1;
        if slot.untold >= TOLD {
            slot.untold = 0;
            self.missed = TAKEN_IN - 1;
            return None;
        }
        Some((place, slot))
    }

    /// This thread's own copy of a value that the store has been asked for.
    pub(super) fn copy(&self, tie: &Arc<Tie>, called: &Called<'_>, entry: &Arc<LocalEntry>) -> Option<&Shared> {
        let slot = self.slots[self.place(tie, called)?].as_ref()?;
        (slot.rest.copied && Arc::ptr_eq(&slot.rest.entry, entry)).then_some(&slot.value)
    }

    #[cold]
    pub(super) fn forget(&mut self, place: Place) {
        self.slots[place] = None;
    }

    /// Whether the next [`offer`](Self::offer) should be made.
    pub(super) fn is_open(&mut self) -> bool {
        self.missed = (self.missed + 1) % TAKEN_IN;
        self.missed == 0
    }

    /// Takes in what the store held, if it is worth its place. `looked`: from before it was found to stand.
    pub(super) fn offer(
        &mut self,
        tie: &Arc<Tie>,
        called: &Called<'_>,
        entry: &Arc<LocalEntry>,
        (weight, places, looked): (u64, Places, Looked),
        forms: &Forms,
    ) {
        if self.slots.is_empty() {
            self.slots.resize_with(SLOTS, || None);
            self.tags.resize(SLOTS / WAYS, Tags::default());
        }
        let begin = called.set() * WAYS;
        let ways = &mut self.slots[begin..begin + WAYS];
        // There already: the store had to be told. Besides it and the caller, this thread holds the entry.
        if let Some(slot) = ways.iter_mut().flatten().find(|slot| Arc::ptr_eq(&slot.rest.entry, entry)) {
            if !slot.rest.copied && Arc::strong_count(entry) > 3 {
                slot.take_copy(forms);
            }
            return;
        }
        let worth = |slot: &Option<Slot>| match slot {
            Some(slot) if !slot.rest.entry.is_gone() => 1 + u16::from(slot.worth),
            _ => 0,
        };
        let least = (0..WAYS).min_by_key(|way| worth(&ways[*way])).expect("there are ways");
        if worth(&ways[least]) > 1 {
            ways.iter_mut().flatten().for_each(|slot| slot.worth /= 2);
            return;
        }
        // Before the new one asks for it: what it takes may be what this gives back.
        if let Some(slot) = &mut ways[least] {
            slot.tie.give_back(std::mem::take(&mut slot.rest.weight));
        }
        let weight = weight + (size_of::<Slot>() + size_of::<Rest>()) as u64;
        if !tie.take(weight) {
            ways[least] = None;
            return;
        }
        // Beside the store and the caller.
        let others_hold_it = Arc::strong_count(entry) > 2;
        let value = (forms.bare)(&entry.value).unwrap_or_else(|| Arc::clone(&entry.value));
        let words = SmallVec::from_slice(called.parts.more());
        let rest = Rest { words, entry: Arc::clone(entry), places, weight, copied: false };
        let slot = match &mut ways[least] {
            // In its place: nothing is allocated where more are hot than there are ways.
            Some(slot) => {
                slot.turn_into(tie, called, looked, value, rest);
                slot
            }
            none => none.insert(Slot::new(tie, called, looked, value, rest)),
        };
        if others_hold_it {
            slot.take_copy(forms);
        }
        self.tags[called.set()].set(least, called.tag());
    }
}
