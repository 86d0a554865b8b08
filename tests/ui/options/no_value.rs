//! Options without their values.

use cache_runtime::cached;

#[cached(key, ttl = )]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
