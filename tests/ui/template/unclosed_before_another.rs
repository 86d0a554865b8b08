//! Only the brace that is open is reported.

use cache_runtime::cached;

#[cached(key = "user:{org:{id}", ttl = "10m")]
async fn load_user(org: u64, id: u64) -> u64 {
    org + id
}

fn main() {}
