//! A literal between two placeholders that values can contain, too.

use cache_runtime::cached;

#[cached(key = "{org}-{id}", ttl = "10m")]
async fn load_user(org: &str, id: &str) -> usize {
    org.len() + id.len()
}

fn main() {}
