//! What a type deserializes from, as a number: entries written for another shape are misses.
//!
//! A `Deserialize` impl tells its deserializer what it wants: names of structs and fields, kinds of numbers, lengths,
//! variants. [`trace`] is a deserializer that has nothing to read. It notes each wish as a fact, `(where, what)`, and
//! makes up a value so that the next wish follows. The fingerprint is the hash of the set of facts; where a type lives
//! (its module path) is none of them.
//!
//! One run sees one variant of each enum and ends at the first value that is refused, so there are many:
//!
//! 1. Every variant of every enum gets a run of its own, on the shortest way to it.
//! 2. A refused value is replaced by the next candidate. When there is none left, the field, element or entry around
//!    it is left out in later runs, so that what stands beside it is still seen.
//! 3. Names that are asked for only by an error (`flatten`, `tag = ".."`) are learned from that error.
//! 4. Recursive types are unrolled once, then twice, then four times, each with a budget of wishes. A type that spends
//!    it is known as far as it got, which is the same distance in every process: nothing here is random, and
//!    nothing reads a clock.
//!
//! Not seen: what a tuple holds behind a value for which no candidate is accepted, what an untagged enum tries, and the
//! meaning of a text or of bytes that a type reads by itself. Such a change needs a new `version`.

mod survey;
#[cfg(test)]
mod tests;
mod trace;

use serde::de::DeserializeOwned;
use xxhash_rust::xxh3::Xxh3;

use survey::Survey;

/// How often a recursive type is unrolled, in turn.
const UNROLLS: [usize; 3] = [1, 2, 4];

/// Fingerprint of the shape of `T`, as written by the codec of that name for a function of that `version`.
pub(crate) fn fingerprint<T: DeserializeOwned>(codec: &str, version: u64) -> u64 {
    let mut survey = Survey::default();
    for unrolls in UNROLLS {
        if !survey.explore(unrolls, |tracer| T::deserialize(tracer).map(drop)) {
            break;
        }
    }
    let mut hash = Xxh3::new();
    hash.update(&(codec.len() as u64).to_le_bytes());
    hash.update(codec.as_bytes());
    hash.update(&version.to_le_bytes());
    for (place, wish) in survey.facts() {
        hash.update(&place.to_le_bytes());
        hash.update(&wish.to_le_bytes());
    }
    hash.digest()
}
