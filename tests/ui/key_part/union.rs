//! A union.

use cache_runtime::KeyPart;

#[derive(KeyPart)]
union Bits {
    whole: u32,
    bytes: [u8; 4],
}

fn main() {}
