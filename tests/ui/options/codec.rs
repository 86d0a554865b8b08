//! A codec that is no type.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = "10m", codec = "json")]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
