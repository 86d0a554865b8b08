//! A placeholder in a function without parameters.

use cache_runtime::cached;

#[cached(key = "config:{name}", ttl = "10m")]
async fn config() -> u64 {
    1
}

fn main() {}
