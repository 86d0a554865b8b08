//! What several names held, and on whose word.

use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use super::held::Held;
use super::request::Witness;
use super::told::Outcome;

/// What one request brought: a value for each name that it asked for.
#[derive(Debug)]
pub(super) struct Told {
    held: Held,
    witness: Witness,
}

impl Told {
    pub(super) fn new(held: Held, witness: Witness) -> Self {
        Self { held, witness }
    }

    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// How much came.
    pub(super) fn bytes(&self) -> usize {
        self.held.bytes()
    }

    /// Whether the name is another master's.
    pub(super) fn points_elsewhere(&self, place: usize) -> bool {
        self.held.points_elsewhere(place)
    }
}

/// Of one name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    source: u32,
    place: u32,
}

impl Place {
    /// In what a single request brought.
    pub(super) fn of_one(place: usize) -> Self {
        Self { source: 0, place: place as u32 }
    }

    /// Of its value, among those that the request brought.
    pub(super) fn index(self) -> usize {
        self.place as usize
    }
}

/// Values stay where they came in, also those that others asked for in the same request: nobody copies them, and they
/// are freed together.
#[derive(Debug)]
pub(crate) struct Answers {
    /// All of them told, without a failure.
    sources: SmallVec<[Arc<Outcome>; 1]>,
    /// By name.
    places: SmallVec<[Place; 4]>,
}

impl Answers {
    /// To a request of its own.
    pub(super) fn of_one(told: Told) -> Self {
        let places = (0..told.len()).map(Place::of_one).collect();
        Self { sources: smallvec![Arc::new(Outcome::of(told))], places }
    }

    /// To some of the names of a request.
    pub(super) fn of_some(outcome: Arc<Outcome>, places: SmallVec<[Place; 4]>) -> Self {
        Self { sources: smallvec![outcome], places }
    }

    /// To no name.
    pub(crate) fn none() -> Self {
        Self { sources: SmallVec::new(), places: SmallVec::new() }
    }

    #[inline]
    fn told(&self, source: u32) -> &Told {
        self.sources[source as usize].told().expect("answers are made of what was told")
    }

    /// How many names there are.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// What a name held.
    #[inline]
    pub(crate) fn held(&self, name: usize) -> Option<&[u8]> {
        let Place { source, place } = self.places[name];
        self.told(source).held.value(place as usize)
    }

    /// Who answered for a name.
    #[inline]
    pub(crate) fn witness(&self, name: usize) -> Witness {
        self.told(self.places[name].source).witness
    }

    /// Whether all of them may be kept in process.
    pub(crate) fn in_step(&self) -> bool {
        (0..self.sources.len() as u32).all(|source| self.told(source).witness.in_step)
    }

    /// Adds those to another question.
    pub(crate) fn extend(&mut self, more: Self) {
        let before = self.sources.len() as u32;
        self.sources.extend(more.sources);
        self.places
            .extend(more.places.into_iter().map(|Place { source, place }| Place { source: before + source, place }));
    }

    /// The same in another order: the first one answers the question `order[0]`.
    #[cfg(feature = "cluster")]
    pub(super) fn in_order(mut self, order: impl Iterator<Item = usize>) -> Self {
        let places = self.places.clone();
        order.zip(places).for_each(|(name, place)| self.places[name] = place);
        self
    }

    /// Answers to several questions, so many names to each.
    pub(crate) fn deal(self, counts: impl Iterator<Item = usize>) -> impl Iterator<Item = Self> {
        let Self { sources, places } = self;
        let mut places = places.into_iter();
        counts.map(move |count| {
            let mut share = Self::none();
            let mut last = None;
            for Place { source, place } in places.by_ref().take(count) {
                // Names that follow one another mostly have one source.
                if last.replace(source) != Some(source) {
                    share.sources.push(Arc::clone(&sources[source as usize]));
                }
                share.places.push(Place { source: share.sources.len() as u32 - 1, place });
            }
            share
        })
    }
}
