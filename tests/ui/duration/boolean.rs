//! A lifetime that is no duration.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = true)]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
