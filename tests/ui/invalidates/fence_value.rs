//! A `fence` that does not exist.

use cache_runtime::invalidates;

#[invalidates(tags = ["users"], fence = "must")]
async fn rename_user(id: u64) -> u64 {
    id
}

#[invalidates(tags = ["users"], fence = require)]
async fn delete_user(id: u64) -> u64 {
    id
}

#[invalidates(tags = ["users"], fence = true)]
async fn create_user(id: u64) -> u64 {
    id
}

#[invalidates(tags = ["users"], fence = false)]
async fn find_user(id: u64) -> u64 {
    id
}

fn main() {}
