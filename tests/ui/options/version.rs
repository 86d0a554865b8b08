//! A version that is no number.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = "10m", version = "2")]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
