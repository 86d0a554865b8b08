//! The value is not known when the key is made.

use cache_runtime::cached;

#[cached(key = "user:{return.id}", ttl = "10m")]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
