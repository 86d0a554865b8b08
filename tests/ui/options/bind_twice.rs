//! A name that is bound twice.

use cache_runtime::cached;

#[cached(key = "user:{next}", ttl = "10m", bind(next = id + 1, next = id + 2))]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
