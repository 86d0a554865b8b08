//! A unit that does not exist.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = "10q")]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
