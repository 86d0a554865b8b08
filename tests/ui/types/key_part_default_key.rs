//! The same in a key that is not written.

use cache_runtime::cached;

struct Db;

#[cached(ttl = "10m")]
async fn load_user(db: &Db, id: u64) -> u64 {
    let Db = db;
    id
}

fn main() {}
