//! Which runs are needed to see all of a type, and what they have found out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};

use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed};

use super::trace::{Stop, Tracer};

/// Wishes that are answered per unrolling; a few milliseconds.
const BUDGET: usize = 1 << 14;

/// Runs that may wait at once.
const MAX_WAITING: usize = 1 << 12;

/// Names that one map may turn out to need.
const MAX_LEARNED: usize = 256;

/// Where in a type: a hash of the steps from its root.
pub(super) type Place = u64;

pub(super) fn step(place: Place, what: &str) -> Place {
    xxh3_64_with_seed(what.as_bytes(), place)
}

pub(super) fn step_to(place: Place, index: usize) -> Place {
    xxh3_64_with_seed(&(index as u64).to_le_bytes(), place)
}

/// A run: which variants it takes, and through which slots the last of them is reached.
///
/// A slot is what can be left out: a field, the element of a sequence, the entry of a map, what is in a `Some`.
#[derive(Default)]
struct Run {
    choices: Vec<(Place, usize)>,
    route: Vec<Place>,
}

/// How deep in slots, choices and named types a run is.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    slots: usize,
    choices: usize,
    named: usize,
}

/// What is open, or was last, while a run is under way. On an error it stays as it was where the error was made.
#[derive(Default)]
struct Position {
    slots: Vec<Place>,
    choices: Vec<(Place, usize)>,
    named: Vec<u64>,
    /// The value that was made up last, and the number of its candidates.
    leaf: Option<(Place, usize)>,
    /// The map that ended last; a missing field may be one of its keys.
    ended: Option<Place>,
    /// Set by a choice that decides about its neighbours too (`tag = "..", content = ".."`).
    salt: u64,
    /// The run has seen what it is for when the owner of the slot at this depth is complete.
    until: Option<usize>,
}

#[derive(Default)]
pub(super) struct Survey {
    facts: BTreeSet<(Place, u64)>,
    /// For each enum, a variant that does not contain it.
    endings: BTreeMap<u64, usize>,
    entered: BTreeMap<u64, usize>,

    unrolls: usize,
    budget: usize,
    cut: bool,
    picks: BTreeMap<Place, usize>,
    skipped: BTreeSet<Place>,
    learned: BTreeMap<(Place, u64), Vec<&'static str>>,
    tags: BTreeMap<Place, &'static [&'static str]>,
    planned: BTreeSet<Place>,
    waiting: VecDeque<Run>,

    run: Run,
    at: Position,
}

impl Survey {
    pub(super) fn facts(&self) -> impl Iterator<Item = (Place, u64)> {
        self.facts.iter().copied()
    }

    /// Runs `deserialize` until there is nothing more to see. Says whether more unrolling would show more.
    pub(super) fn explore(&mut self, unrolls: usize, deserialize: fn(Tracer<'_>) -> Result<(), Stop>) -> bool {
        *self = Self {
            facts: std::mem::take(&mut self.facts),
            endings: std::mem::take(&mut self.endings),
            unrolls,
            budget: BUDGET,
            ..Self::default()
        };
        self.waiting.push_back(Run::default());
        while let Some(run) = self.waiting.pop_front() {
            self.run = run;
            loop {
                self.at = Position::default();
                // A panic in a `Deserialize` impl is a refusal: the cache must not break the call.
                let outcome =
                    catch_unwind(AssertUnwindSafe(|| deserialize(Tracer::new(self)))).unwrap_or(Err(Stop::Panicked));
                if outcome.is_ok() || !self.react(outcome) {
                    break;
                }
            }
        }
        self.cut
    }

    /// Changes something that makes the next try of this run go further, if there is such a thing.
    fn react(&mut self, outcome: Result<(), Stop>) -> bool {
        let refused = match outcome {
            Ok(()) | Err(Stop::Reached | Stop::Spent) => return false,
            Err(Stop::Missing(name)) => {
                if let Some(map) = self.at.ended {
                    let names = self.learned.entry((map, self.at.salt)).or_default();
                    if names.len() < MAX_LEARNED && !names.contains(&name) {
                        names.push(name);
                        return true;
                    }
                }
                false
            }
            Err(Stop::Unknown(names)) => {
                if let Some((leaf, _)) = self.at.leaf
                    && !names.is_empty()
                    && self.tags.insert(leaf, names).is_none()
                {
                    return true;
                }
                true
            }
            Err(Stop::Refused) => true,
            Err(Stop::Panicked) => false,
        };
        if refused && let Some((leaf, candidates)) = self.at.leaf {
            let pick = self.picks.entry(leaf).or_default();
            // The last step is back to the first candidate, for good.
            if *pick < candidates {
                *pick += 1;
                if *pick < candidates {
                    return true;
                }
            }
        }
        let (slots, route) = (&self.at.slots, &self.run.route);
        let innermost = slots.iter().rev().find(|slot| !route.contains(slot) && !self.skipped.contains(slot)).copied();
        innermost.is_some_and(|slot| self.skipped.insert(slot))
    }

    /// Notes a wish as a fact.
    pub(super) fn note(&mut self, place: Place, wish: &str, names: &[&str], number: usize) -> Result<(), Stop> {
        self.budget = self.budget.checked_sub(1).ok_or(Stop::Spent)?;
        let mut hash = Xxh3::with_seed(self.at.salt);
        for text in [wish].iter().chain(names) {
            hash.update(&(text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        }
        hash.update(&(number as u64).to_le_bytes());
        self.facts.insert((place, hash.digest()));
        Ok(())
    }

    /// Which of so many candidates is the value at `place`.
    pub(super) fn candidate(&mut self, place: Place, candidates: usize) -> usize {
        // Of neighbours of a tag, each of its names has its own.
        let place = place ^ self.at.salt;
        self.at.leaf = Some((place, candidates));
        self.picks.get(&place).map_or(0, |pick| pick % candidates)
    }

    /// The names that the tag at `place` may have, once an error has told them, and the one to take.
    pub(super) fn tag(&mut self, place: Place) -> Option<&'static str> {
        self.at.leaf = Some((place, 1));
        let names = *self.tags.get(&place)?;
        let option = self.choose(place, names.len());
        self.at.salt = step_to(place, option);
        // What follows from a tag is asked for only when the map around it is complete.
        self.at.until = None;
        names.get(option).copied()
    }

    /// Which of so many variants this run takes; the others get runs of their own.
    pub(super) fn choose(&mut self, place: Place, options: usize) -> usize {
        let forced = self.run.choices.iter().find(|choice| choice.0 == place).map(|choice| choice.1);
        let option = forced.unwrap_or(0);
        if self.planned.insert(place) {
            for other in (0..options).filter(|other| *other != option) {
                if self.waiting.len() < MAX_WAITING {
                    let choices = self.at.choices.iter().copied().chain([(place, other)]).collect();
                    self.waiting.push_back(Run { choices, route: self.at.slots.clone() });
                }
            }
        }
        if self.run.choices.last().is_some_and(|last| last.0 == place) {
            self.at.salt = step_to(place, option);
            self.at.until = self.at.slots.len().checked_sub(1);
        }
        self.at.choices.push((place, option));
        option
    }

    /// Which variant of an enum that was unrolled often enough leads out of it. `None`: give up.
    pub(super) fn way_out(&self, named: u64, options: usize) -> Option<usize> {
        let extra = self.times(named) - self.unrolls;
        match self.endings.get(&named) {
            Some(ending) => Some(*ending),
            None if extra <= 6 => Some(extra % options),
            None => None,
        }
    }

    /// Enters a struct or enum; the number stands for it.
    pub(super) fn enter(&mut self, name: &str, names: &[&str]) -> u64 {
        let named = names.iter().fold(step(0, name), |named, name| step(named, name));
        self.at.named.push(named);
        *self.entered.entry(named).or_default() += 1;
        named
    }

    pub(super) fn entered(&self, named: u64) -> usize {
        self.entered.get(&named).copied().unwrap_or(0)
    }

    pub(super) fn ends_with(&mut self, named: u64, variant: usize) {
        self.endings.entry(named).or_insert(variant);
    }

    fn times(&self, named: u64) -> usize {
        self.at.named.iter().filter(|other| **other == named).count()
    }

    /// Whether the innermost named type was unrolled often enough.
    pub(super) fn is_deep(&mut self) -> bool {
        let deep = self.at.named.last().is_some_and(|named| self.times(*named) > self.unrolls);
        self.cut |= deep;
        deep
    }

    /// Opens a slot, unless it is to be left out.
    pub(super) fn open(&mut self, owner: Mark, slot: Place) -> bool {
        self.rewind(owner);
        let depth = owner.slots;
        let on_route = self.run.route.get(depth) == Some(&slot);
        // Neighbours of what the run is for are looked at too: a tag decides about its content.
        let off_route = depth + 1 < self.run.route.len() && !on_route;
        if off_route || (self.skipped.contains(&slot) && !on_route) {
            return false;
        }
        self.at.slots.push(slot);
        true
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { slots: self.at.slots.len(), choices: self.at.choices.len(), named: self.at.named.len() }
    }

    /// Back to `mark`: an impl may swallow an error and go on beside it.
    pub(super) fn rewind(&mut self, mark: Mark) {
        self.at.slots.truncate(mark.slots);
        self.at.choices.truncate(mark.choices);
        self.at.named.truncate(mark.named);
    }

    /// The owner of slots is complete.
    pub(super) fn leave(&mut self, mark: Mark) -> Result<(), Stop> {
        self.rewind(mark);
        if self.at.until == Some(mark.slots) { Err(Stop::Reached) } else { Ok(()) }
    }

    pub(super) fn ended(&mut self, map: Option<Place>) {
        self.at.ended = map;
    }

    /// The key at `index` of those that the map at `place` turned out to need.
    pub(super) fn learned(&self, place: Place, index: usize) -> Option<&'static str> {
        let always = self.learned.get(&(place, 0)).map_or(&[][..], Vec::as_slice);
        let tagged = match self.at.salt {
            0 => &[][..],
            salt => self.learned.get(&(place, salt)).map_or(&[][..], Vec::as_slice),
        };
        always.iter().chain(tagged).nth(index).copied()
    }

    /// The value was not what the type wanted at all; `candidates` ways to ask there are.
    pub(super) fn blame(&mut self, place: Place, candidates: usize) {
        self.at.leaf = Some((place, candidates));
    }

    pub(super) fn pick(&self, place: Place, candidates: usize) -> usize {
        self.picks.get(&place).map_or(0, |pick| pick % candidates)
    }
}
