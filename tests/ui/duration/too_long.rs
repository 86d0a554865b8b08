//! More than a hundred years.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = "5300w")]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
