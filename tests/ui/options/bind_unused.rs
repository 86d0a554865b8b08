//! A bound name that no template names.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = "10m", bind(next = id + 1))]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
