//! Arguments that cannot be read.

use cache_runtime::{cached, invalidates};

#[cached(key = "user:{id}", ttl = "10m")]
async fn load_user(id: u64) -> u64 {
    id
}

#[invalidates(load_user(id id))]
async fn rename_user(id: u64) -> u64 {
    id
}

fn main() {}
