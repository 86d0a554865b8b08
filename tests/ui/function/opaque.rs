//! A type without a name.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = "10m")]
async fn load_user(id: u64) -> Option<impl Copy> {
    Some(id)
}

fn main() {}
