//! An invalidation of nothing.

use cache_runtime::invalidates;

#[invalidates]
async fn rename_user(id: u64) -> u64 {
    id
}

fn main() {}
