//! The same without `Result`.

use cache_runtime::cached;

struct User;

#[cached(key = "user:{id}", ttl = "10m")]
async fn load_user(id: u64) -> User {
    let _ = id;
    User
}

fn main() {}
