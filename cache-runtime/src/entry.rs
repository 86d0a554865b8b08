//! The bytes under our keys, written and read: tokens, fences and stamps here, longer ones in [`envelope`] and [`hint`].
//!
//! ```text
//! token     T id8 hist4
//! fence     F state8 (nonce8 deadline8)*n
//! stamp     hist4 rand8
//! hint      H id8 check8 found
//! envelope  E id8 hist4 check8 shape8 tagset4 flags1 n1 created6 ttl5 stamp12*n [found] payload
//! found     m1 (length2 tag)*m
//! ```
//! `found` are the tags that a result named; an envelope has it with flag bit 1, and their stamps are its last ones.
//! With flag bit 2 the payload is compressed with LZ4, with bit 3 with Zstandard. Other bits are of a later version.
//! Integers are little-endian, times in milliseconds; a ttl of more than 34 years is noted as that. `check8` is xxh3-64
//! of everything behind it, so a flipped or missing bit is a miss. Any other first byte is not ours, or is of a later
//! version: a miss too.
//! `docs/consistency.md` describes the format for programs in other languages.

mod envelope;
mod found;
mod hint;
#[cfg(feature = "inspect")]
mod kind;

use smallvec::SmallVec;

#[cfg(feature = "mutants")]
pub use envelope::payload_of;
pub(crate) use envelope::{Envelope, Header, compress, live_for, seal};
#[cfg(feature = "inspect")]
pub(crate) use envelope::{STAMPS_END, stamps_in};
pub(crate) use hint::{hint, known_found};
#[cfg(feature = "inspect")]
pub(crate) use kind::{Kind, begins, kind};

/// Which history of the server was current; see `redis::history`.
pub(crate) type History = [u8; 4];
/// The value of a tag's key.
pub(crate) type Stamp = [u8; 12];
/// Which mutation a fence belongs to.
pub(crate) type Nonce = [u8; 8];

const TOKEN: u8 = b'T';
const FENCE: u8 = b'F';
const HINT: u8 = b'H';
const VALUE: u8 = b'E';
const TOKEN_LENGTH: usize = 13;
/// How many of an entry's first bytes a fill compares: the kind and the id.
pub(crate) const COMPARED: usize = 9;

/// The first bytes of what an entry's key held before the load began.
pub(crate) type Expected = SmallVec<[u8; COMPARED]>;

/// Random per acquisition: ids of one process would allow one acquisition to pass for another. From the operating
/// system each time: a process that was forked or restored from a copy must not draw what its twin draws.
pub(crate) fn random8() -> [u8; 8] {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).expect("the operating system has random bytes");
    bytes
}

/// `id`: from [`random8`], drawn for this token.
pub(crate) fn token(history: History, id: [u8; 8]) -> [u8; TOKEN_LENGTH] {
    let mut token = [TOKEN; TOKEN_LENGTH];
    token[1..9].copy_from_slice(&id);
    token[9..].copy_from_slice(&history);
    token
}

/// `id`: as that of a token.
pub(crate) fn stamp(history: History, id: [u8; 8]) -> Stamp {
    let mut stamp = [0; 12];
    stamp[..4].copy_from_slice(&history);
    stamp[4..].copy_from_slice(&id);
    stamp
}

/// The stamp in `bytes`, if it was minted in `history`.
pub(crate) fn current_stamp(bytes: &[u8], history: History) -> Option<Stamp> {
    Stamp::try_from(bytes).ok().filter(|stamp| stamp[..4] == history)
}

pub(crate) fn is_token(bytes: &[u8]) -> bool {
    bytes.len() == TOKEN_LENGTH && bytes[0] == TOKEN
}

/// The state of a fence: equal only while nobody fences, releases or invalidates the name.
pub(crate) fn fence(bytes: &[u8]) -> Option<[u8; 8]> {
    let state = bytes.strip_prefix(&[FENCE])?.first_chunk::<8>()?;
    (bytes.len() >= 25).then_some(*state)
}

pub(crate) fn expected(bytes: &[u8]) -> Expected {
    Expected::from_slice(&bytes[..bytes.len().min(COMPARED)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_of_another_history_is_missing() {
        assert_eq!(current_stamp(&stamp(*b"old!", [1; 8]), *b"new!"), None);
        assert!(current_stamp(&stamp(*b"new!", [1; 8]), *b"new!").is_some());
        assert_eq!(current_stamp(b"short", *b"new!"), None);
    }
}
