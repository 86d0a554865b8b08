//! A bound name that a parameter has already.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = "10m", bind(id = id + 1))]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
