//! The same in a tag of an invalidation.

use cache_runtime::invalidates;

#[invalidates(tags = ["{org}_of_{id}"])]
async fn rename_user(org: &str, id: &str) -> usize {
    org.len() + id.len()
}

fn main() {}
