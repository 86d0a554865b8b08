//! A block of functions.

use cache_runtime::cached;

struct Users;

#[cached(key = "user:{id}", ttl = "10m")]
impl Users {
    async fn load(id: u64) -> u64 {
        id
    }
}

fn main() {}
