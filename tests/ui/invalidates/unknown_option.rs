//! An option of the other attribute.

use cache_runtime::invalidates;

#[invalidates(tags = ["users"], ttl = "10m")]
async fn rename_user(id: u64) -> u64 {
    id
}

fn main() {}
