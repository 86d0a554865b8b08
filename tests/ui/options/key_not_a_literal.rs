//! A key that is only known when the program runs.

use cache_runtime::cached;

const KEY: &str = "user:{id}";

#[cached(key = KEY, ttl = "10m")]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
