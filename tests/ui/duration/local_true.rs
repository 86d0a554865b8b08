//! `local` is on without being told.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = "10m", local = true)]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
