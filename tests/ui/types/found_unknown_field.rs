//! A tag names a field that the returned value does not have.

use cache_runtime::cached;

#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct User {
    id: u64,
    org_id: u64,
}

#[cached(key = "user:{id}", ttl = "10m", tags = ["org:{return.orgid}"])]
async fn load_user(id: u64) -> Result<Option<User>, String> {
    Ok(Some(User { id, org_id: 1 }))
}

fn main() {}
