//! `self` in a function that has none.

use cache_runtime::cached;

#[cached(key = "{self.id}:{id}", ttl = "10m")]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
