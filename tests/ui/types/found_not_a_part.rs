//! A tag names the returned value, which cannot be rendered.

use cache_runtime::cached;

#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct User {
    id: u64,
    score: f64,
}

#[cached(key = "user:{id}", ttl = "10m", tags = ["user:{return}"])]
async fn load_user(id: u64) -> Option<User> {
    Some(User { id, score: 1.0 })
}

#[cached(key = "score:{id}", ttl = "10m", tags = ["score:{return.score}"])]
async fn load_score(id: u64) -> User {
    User { id, score: 1.0 }
}

fn main() {}
