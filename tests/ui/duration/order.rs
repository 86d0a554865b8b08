//! Parts of a duration in the wrong order.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = "30m1h")]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
