//! What is said on the bus: a version, then the hashes of names that became void.
//!
//! ```text
//! 0x00 hash8*n      these keys and tags are void; none named: everything is
//! anything else     from a version that this one does not know: everything is void
//! ```
//! Hashes are little-endian xxh3-64 of a key's or a tag's text, the latter rotated by 32 bits.

use crate::local::LocalStore;

/// Zero, for servers without `PUBLISH`: they quote in their error what they were sent, as far as its first zero byte. The
/// hashes quoted would make it no UTF-8, and the client breaks its connection over such a line.
const VERSION: u8 = 0;

pub(super) fn write(hashes: &[u64]) -> Vec<u8> {
    let mut message = Vec::with_capacity(1 + 8 * hashes.len());
    message.push(VERSION);
    hashes.iter().for_each(|hash| message.extend_from_slice(&hash.to_le_bytes()));
    message
}

pub(super) fn apply(message: &[u8], local: &LocalStore) {
    match hashes(message) {
        Some(hashes) => hashes.iter().for_each(|hash| local.void_hash(u64::from_le_bytes(*hash))),
        None => local.new_epoch(),
    }
}

/// The hashes of what is void; `None`: everything is.
#[cfg(feature = "inspect")]
pub(super) fn read(message: &[u8]) -> Option<Vec<u64>> {
    hashes(message).map(|hashes| hashes.iter().map(|hash| u64::from_le_bytes(*hash)).collect())
}

fn hashes(message: &[u8]) -> Option<&[[u8; 8]]> {
    match message.split_first() {
        Some((&VERSION, hashes)) if !hashes.is_empty() && hashes.len() % 8 == 0 => Some(hashes.as_chunks::<8>().0),
        _ => None,
    }
}
