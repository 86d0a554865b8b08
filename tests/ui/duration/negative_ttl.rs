//! The lifetime of `None`.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = "10m", negative_ttl = "30")]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
