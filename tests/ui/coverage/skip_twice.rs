//! A parameter that is skipped twice.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = "10m", skip(db, db))]
async fn load_user(db: &str, id: u64) -> u64 {
    id + db.len() as u64
}

fn main() {}
