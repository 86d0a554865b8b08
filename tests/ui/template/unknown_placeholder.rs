//! A placeholder that is a slip of a parameter's name.

use cache_runtime::cached;

#[cached(key = "user:{idd}:profile", ttl = "10m")]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
