//! A typed target that does not exist.

use cache_runtime::{cached, invalidates};

#[cached(key = "user:{id}", ttl = "10m")]
async fn load_user(id: u64) -> u64 {
    id
}

#[invalidates(laod_user(id))]
async fn rename_user(id: u64) -> u64 {
    id
}

fn main() {}
