//! A const function.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = "10m")]
const fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
