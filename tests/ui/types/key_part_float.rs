//! A type that has no exact text.

use cache_runtime::cached;

#[cached(key = "price:{amount}", ttl = "10m")]
async fn convert(amount: f64) -> u64 {
    amount as u64
}

fn main() {}
