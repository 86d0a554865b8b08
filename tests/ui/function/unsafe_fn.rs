//! An unsafe function.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = "10m")]
async unsafe fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
