//! The mark stands under the right characters.

use cache_runtime::cached;

#[cached(key = "größe/日本:{idd}", ttl = "10m")]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
