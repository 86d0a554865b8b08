//! An expression of another type is the compiler's to refuse.

use cache_runtime::cached;

const TTL: u64 = 600;

#[cached(key = "user:{id}", ttl = TTL)]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
