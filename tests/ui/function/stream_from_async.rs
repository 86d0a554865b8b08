//! The same, when it comes from an async function.

use cache_runtime::cached;

trait Stream {
    type Item;
}

impl Stream for u64 {
    type Item = u64;
}

#[cached(key = "user:{id}", ttl = "10m")]
async fn load_user(id: u64) -> impl Stream<Item = u64> {
    id
}

fn main() {}
