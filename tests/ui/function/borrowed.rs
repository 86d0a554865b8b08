//! A value that is borrowed from the arguments.

use cache_runtime::cached;

#[cached(key = "user:{name}", ttl = "10m")]
async fn load_user(name: &str) -> Option<&str> {
    Some(name)
}

fn main() {}
