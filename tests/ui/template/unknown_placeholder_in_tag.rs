//! Tags are checked like keys.

use cache_runtime::cached;

#[cached(key = "user:{id}", tags = ["users", "user:{uid}"], ttl = "10m")]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
