//! A key that says nothing.

use cache_runtime::cached;

#[cached(key = "", ttl = "10m")]
async fn config() -> u64 {
    1
}

fn main() {}
