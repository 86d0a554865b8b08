//! A required fence returns an error, and the return type has none.

use cache_runtime::invalidates;

#[invalidates(tags = ["user:{id}"], fence = "require")]
async fn rename_user(id: u64) -> Option<u64> {
    Some(id)
}

#[invalidates(tags = ["user:{id}"], fence = "require")]
async fn delete_user(id: u64) {
    let _ = id;
}

fn main() {}
