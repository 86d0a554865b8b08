//! Units that have no fixed length.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = "2months")]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
