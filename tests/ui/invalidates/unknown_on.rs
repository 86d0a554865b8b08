//! An `on` that does not exist.

use cache_runtime::invalidates;

#[invalidates(tags = ["users"], on = "error")]
async fn rename_user(id: u64) -> u64 {
    id
}

fn main() {}
