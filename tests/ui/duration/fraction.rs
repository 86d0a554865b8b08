//! Fractions have a unit of their own.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = "1.5h")]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
