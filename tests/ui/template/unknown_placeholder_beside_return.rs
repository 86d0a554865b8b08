//! A misspelt parameter beside the value that is returned.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = "10m", tags = ["{idd}:{return}"])]
async fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
