//! Fields are the compiler's to check.

use cache_runtime::cached;

struct User {
    id: u64,
}

#[cached(key = "users:{user.idd}", ttl = "10m")]
async fn load_user(user: User) -> u64 {
    user.id
}

fn main() {}
