//! An option that is given twice.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = "10m", key = "u:{id}")]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
