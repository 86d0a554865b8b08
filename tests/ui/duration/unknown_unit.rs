//! Another word for a unit.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = "10min")]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
