//! A tag does not keep entries apart.

use cache_runtime::cached;

#[cached(key = "user:{id}", tags = ["tenant:{tenant}"], ttl = "10m")]
async fn load_user(tenant: u64, id: u64) -> u64 {
    tenant + id
}

fn main() {}
