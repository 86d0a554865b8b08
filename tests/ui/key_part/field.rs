//! A field that is no part of a key.

use cache_runtime::KeyPart;

#[derive(KeyPart)]
struct Price {
    currency: String,
    amount: f64,
}

fn main() {}
