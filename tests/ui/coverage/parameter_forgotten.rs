//! A parameter that is neither in the key nor skipped.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = "10m")]
async fn load_user(tenant: u64, id: u64) -> u64 {
    tenant + id
}

fn main() {}
