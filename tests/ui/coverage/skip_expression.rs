//! Only names can be skipped.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = "10m", skip(ctx.db))]
async fn load_user(ctx: &str, id: u64) -> u64 {
    id + ctx.len() as u64
}

fn main() {}
