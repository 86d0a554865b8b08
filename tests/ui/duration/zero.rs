//! Nothing is cached for no time.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = "0s")]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
