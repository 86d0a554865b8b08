//! An option that is like none.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = "10m", refresh = true)]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
