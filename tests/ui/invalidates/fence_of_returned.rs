//! A fence is set before the body, when nothing is returned yet.

use cache_runtime::{cached, invalidates};

#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct User {
    id: u64,
    org: u64,
}

#[cached(key = "user:{id}", ttl = "10m")]
async fn get_user(id: u64) -> u64 {
    id
}

#[invalidates(get_user(return.id), tags = ["org:{return.org}"], fence)]
async fn create_user(name: &str) -> User {
    User { id: name.len() as u64, org: 1 }
}

#[invalidates(tags = ["org:{return.org}:{id}"], fence = "require")]
async fn rename_user(id: u64) -> Result<User, cache_runtime::Error> {
    Ok(User { id, org: 1 })
}

fn main() {}
