//! A value that cannot be handed to several callers.

use cache_runtime::cached;

#[derive(serde::Serialize, serde::Deserialize)]
struct User;

#[cached(key = "user:{id}", ttl = "10m")]
async fn load_user(id: u64) -> Result<Option<User>, u8> {
    let _ = id;
    Ok(Some(User))
}

fn main() {}
