//! A slip.

use cache_runtime::invalidates;

#[invalidates(tag = ["users"])]
async fn rename_user(id: u64) -> u64 {
    id
}

fn main() {}
