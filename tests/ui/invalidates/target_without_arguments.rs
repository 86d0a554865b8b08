//! A typed target that is not called.

use cache_runtime::{cached, invalidates};

#[cached(key = "user:{id}", ttl = "10m")]
async fn load_user(id: u64) -> u64 {
    id
}

#[invalidates(self::load_user)]
async fn rename_user(id: u64) -> u64 {
    id
}

fn main() {}
