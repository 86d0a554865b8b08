//! `put` takes what the function caches.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = "10m")]
async fn load_user(id: u64) -> Option<String> {
    Some(id.to_string())
}

async fn store() {
    let _ = load_user::put(1, 'x').await;
}

fn main() {}
