//! A format that does not exist.

use cache_runtime::cached;

#[cached(key = "user:{id:hex}", ttl = "10m")]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
