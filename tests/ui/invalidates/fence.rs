//! An option that does not exist yet.

use cache_runtime::invalidates;

#[invalidates(tags = ["users"], fence)]
async fn rename_user(id: u64) -> u64 {
    id
}

fn main() {}
