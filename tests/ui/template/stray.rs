//! A brace that closes nothing.

use cache_runtime::cached;

#[cached(key = "user:id}", ttl = "10m")]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
