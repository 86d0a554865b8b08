//! A typed target with too few arguments.

use cache_runtime::{cached, invalidates};

#[cached(key = "user:{org}:{id}", ttl = "10m")]
async fn load_user(org: u64, id: u64) -> u64 {
    org + id
}

#[invalidates(load_user(id))]
async fn rename_user(id: u64) -> u64 {
    id
}

fn main() {}
