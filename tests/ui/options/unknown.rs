//! An option that is a slip of another counts as that one.

use cache_runtime::cached;

#[cached(key = "user:{id}", tll = "10m")]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
