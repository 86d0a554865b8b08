//! A skipped name that is like no parameter.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = "10m", skip(connection))]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
