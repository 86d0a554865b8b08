//! A `fence` with parentheses, and one without its value.

use cache_runtime::invalidates;

#[invalidates(tags = ["users"], fence("require"))]
async fn rename_user(id: u64) -> u64 {
    id
}

#[invalidates(tags = ["users"], fence =)]
async fn delete_user(id: u64) -> u64 {
    id
}

fn main() {}
