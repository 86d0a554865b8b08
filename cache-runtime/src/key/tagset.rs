//! Tags as numbers: what one is known by, and which ones a key has.

use xxhash_rust::xxh3::xxh3_64;

/// The hash by which a tag is known in process and on the bus; not that of the key of the same text.
pub(crate) fn tag_hash(tag: impl AsRef<[u8]>) -> u64 {
    xxh3_64(tag.as_ref()).rotate_left(32)
}

/// A fingerprint of ordered tags, from their hashes; 0 if there are none.
#[derive(Default)]
pub(crate) struct Tagset(u64);

impl Tagset {
    pub(crate) fn add(&mut self, hash: u64) {
        self.0 = (self.0.rotate_left(23) ^ hash).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    pub(crate) fn finish(&self) -> u32 {
        (self.0 >> 32) as u32
    }
}
