//! A type of the user's own.

use cache_runtime::cached;

struct UserId(u64);

#[cached(key = "user:{id}", ttl = "10m")]
async fn load_user(id: UserId) -> u64 {
    id.0
}

fn main() {}
