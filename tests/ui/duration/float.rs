//! A fraction of seconds as a number.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = 0.5)]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
