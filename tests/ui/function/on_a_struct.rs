//! Not a function.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = "10m")]
struct User {
    id: u64,
}

fn main() {}
