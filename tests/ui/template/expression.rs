//! An expression in a placeholder.

use cache_runtime::cached;

#[cached(key = "user:{name.len()}", ttl = "10m")]
async fn load_user(name: &str) -> usize {
    name.len()
}

fn main() {}
