//! A parameter that is both skipped and in the key.

use cache_runtime::cached;

#[cached(key = "user:{id}:{lang}", ttl = "10m", skip(lang))]
async fn load_user(id: u64, lang: &str) -> u64 {
    id + lang.len() as u64
}

fn main() {}
