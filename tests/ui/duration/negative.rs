//! A lifetime in the past.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = "-10s")]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
