//! A hashed value must be `Serialize`.

use cache_runtime::cached;

struct Filter;

#[cached(key = "users:{filter:hash}", ttl = "10m")]
async fn load_users(filter: Filter) -> u64 {
    let Filter = filter;
    1
}

fn main() {}
