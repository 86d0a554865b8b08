//! A hash for tables of what is under way: quicker than the one of the standard library, and each table has a seed of its
//! own, so that nobody knows which keys fall together.

use std::hash::{BuildHasher, Hasher, RandomState};

use xxhash_rust::xxh3::xxh3_64_with_seed;

pub(crate) struct Quick {
    seed: u64,
}

impl Default for Quick {
    fn default() -> Self {
        Self { seed: RandomState::new().hash_one(0) }
    }
}

impl BuildHasher for Quick {
    type Hasher = Xxh3;

    fn build_hasher(&self) -> Xxh3 {
        Xxh3(self.seed)
    }
}

pub(crate) struct Xxh3(u64);

impl Hasher for Xxh3 {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    /// Lengths, mostly.
    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_equal_falls_together_and_each_table_has_its_own_order() {
        let (one, other) = (Quick::default(), Quick::default());
        let key = (b"user:7".as_slice(), 7usize);
        assert_eq!(one.hash_one(key), one.hash_one((b"user:7".to_vec(), 7usize)));
        assert_ne!(one.hash_one(key), one.hash_one((b"user:8".as_slice(), 7usize)));
        assert_ne!(one.hash_one(key), other.hash_one(key));
    }
}
