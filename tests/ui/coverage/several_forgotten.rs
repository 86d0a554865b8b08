//! Each forgotten parameter is reported where it stands.

use cache_runtime::cached;

#[cached(key = "all", ttl = "10m")]
async fn load_users(tenant: u64, (page, limit): (u64, u64)) -> u64 {
    tenant + page * limit
}

fn main() {}
