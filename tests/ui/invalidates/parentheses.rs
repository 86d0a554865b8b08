//! An option in the form of a typed target.

use cache_runtime::invalidates;

#[invalidates(tags("users"))]
async fn rename_user(id: u64) -> u64 {
    id
}

fn main() {}
