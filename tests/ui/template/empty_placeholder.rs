//! A placeholder without a name.

use cache_runtime::cached;

#[cached(key = "user:{}", ttl = "10m")]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
