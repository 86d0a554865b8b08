//! No in-process lifetime is `false`.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = "10m", local = "0s")]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
