//! Another cache's name for an option.

use cache_runtime::cached;

#[cached(key = "user:{id}", expire = "10m")]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
