//! Names that are asked for in one request, each once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};

use super::keyspace::Name;

#[derive(Default)]
pub(super) struct List {
    /// All of them, one behind the other.
    text: Vec<u8>,
    /// Where each of them ends in the text.
    ends: Vec<usize>,
    /// Where the name of a hash is.
    places: HashMap<u64, usize, BuildHasherDefault<Hashed>>,
}

impl List {
    /// Nothing, with the same room.
    pub(super) fn cleared(mut self) -> Self {
        self.text.clear();
        self.ends.clear();
        self.places.clear();
        self
    }

    /// Adds a name, or finds it; returns its place.
    pub(super) fn add(&mut self, name: Name<'_>) -> usize {
        let next = self.ends.len();
        match self.places.entry(name.hash) {
            Entry::Occupied(there) => {
                let place = *there.get();
                if name.is(self.name(place)) {
                    return place;
                }
                // Another name of the same hash: whoever wants this one again asks again.
            }
            Entry::Vacant(free) => _ = free.insert(next),
        }
        name.push_to(&mut self.text);
        self.ends.push(self.text.len());
        next
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    fn name(&self, place: usize) -> &[u8] {
        let start = if place == 0 { 0 } else { self.ends[place - 1] };
        &self.text[start..self.ends[place]]
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> + Clone {
        (0..self.ends.len()).map(|place| self.name(place))
    }
}

/// Names bring a hash.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Key;
    use crate::redis::Names;

    #[test]
    fn a_name_is_listed_once() {
        let names = Names::new("ns");
        let (one, other) = (Key::new("a").tag("a"), Key::new("b").tag("a"));
        let mut list = List::default();
        let places: Vec<usize> = names.of(&one).chain(names.of(&other)).map(|name| list.add(name)).collect();
        assert_eq!(places, [0, 1, 2, 1]);
        assert_eq!(list.iter().collect::<Vec<_>>(), [b"ns:e:a", b"ns:t:a", b"ns:e:b"]);
    }

    #[test]
    fn names_of_one_hash_are_two() {
        let name = |text| {
            let mut name = Name::whole(text);
            name.hash = 7;
            name
        };
        let mut list = List::default();
        assert_eq!(["a", "b", "a", "b"].map(|text| list.add(name(text))), [0, 1, 0, 2]);
        assert_eq!(list.iter().collect::<Vec<_>>(), [b"a", b"b", b"b"]);
    }
}
