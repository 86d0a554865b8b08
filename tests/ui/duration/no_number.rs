//! Words.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = "soon")]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
