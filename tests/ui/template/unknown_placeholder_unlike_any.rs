//! Nothing similar: the message lists what there is.

use cache_runtime::cached;

#[cached(key = "user:{tenant}", ttl = "10m", skip(db))]
async fn load_user(db: &str, id: u64) -> u64 {
    id + db.len() as u64
}

fn main() {}
