//! A skipped name that is no parameter.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = "10m", skip(bd))]
async fn load_user(db: &str, id: u64) -> u64 {
    id + db.len() as u64
}

fn main() {}
