//! Something that is no option at all.

use cache_runtime::cached;

#[cached("user:{id}", ttl = "10m")]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
