//! `#[invalidates]` waits, too.

use cache_runtime::invalidates;

#[invalidates(tags = ["users"])]
pub fn rename_user(id: u64) -> u64 {
    id
}

fn main() {}
