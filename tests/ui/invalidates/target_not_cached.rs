//! A typed target that is an ordinary function.

use cache_runtime::invalidates;

async fn load_user(id: u64) -> u64 {
    id
}

#[invalidates(load_user(id))]
async fn rename_user(id: u64) -> u64 {
    load_user(id).await
}

fn main() {}
