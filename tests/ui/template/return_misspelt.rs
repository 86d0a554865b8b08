//! A misspelt `return` in a tag.

use cache_runtime::{cached, invalidates};

#[cached(key = "user:{id}", ttl = "10m", tags = ["user:{retrun.id}"])]
async fn load_user(id: u64) -> (u64, u64) {
    (id, 1)
}

#[invalidates(tags = ["org:{retrun.1}"])]
async fn create_user() -> (u64, u64) {
    (1, 1)
}

fn main() {}
