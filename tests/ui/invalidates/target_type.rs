//! A typed target with an argument of the wrong type.

use cache_runtime::{cached, invalidates};

#[cached(key = "user:{id}", ttl = "10m")]
async fn load_user(id: u64) -> u64 {
    id
}

#[invalidates(load_user(name))]
async fn rename_user(name: &str) -> usize {
    name.len()
}

fn main() {}
