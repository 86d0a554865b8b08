//! A hash for tables of what is under way: quicker than the one of the standard library, and not made to withstand somebody
//! who chooses the keys. It need not be: what is under way over Redis has random bytes of the operating system in it, there
//! is never much of it, and each table has a seed of its own.

use std::hash::{BuildHasher, Hasher, RandomState};

use xxhash_rust::xxh3::xxh3_64_with_seed;

pub(crate) struct Seeded {
    seed: u64,
}

impl Default for Seeded {
    fn default() -> Self {
        Self { seed: RandomState::new().hash_one(0) }
    }
}

impl BuildHasher for Seeded {
    type Hasher = Mixed;

    fn build_hasher(&self) -> Mixed {
        Mixed(self.seed)
    }
}

pub(crate) struct Mixed(u64);

impl Hasher for Mixed {
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
        let (one, other) = (Seeded::default(), Seeded::default());
        let key = (b"user:7".as_slice(), 7usize);
        assert_eq!(one.hash_one(key), one.hash_one((b"user:7".to_vec(), 7usize)));
        assert_ne!(one.hash_one(key), one.hash_one((b"user:8".as_slice(), 7usize)));
        assert_ne!(one.hash_one(key), other.hash_one(key));
    }
}
