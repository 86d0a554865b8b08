//! All mistakes of one attribute are shown in one run, and nothing else is.

use cache_runtime::{cached, invalidates};

#[cached(key = "user:{idd}", ttl = "10min", tags = "users", skip(bd), verison = 2)]
async fn load_user(db: &str, id: u64) -> &str {
    &db[id as usize..]
}

#[invalidates(load_user(id))]
async fn rename_user(id: u64) {
    let _ = load_user::key(id);
}

fn main() {}
