//! `bind` without names.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = "10m", bind(id.to_string()))]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
