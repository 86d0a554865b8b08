//! A field of another type.

use cache_runtime::cached;

struct Filter {
    limit: f64,
}

#[cached(key = "users:{filter.limit}", ttl = "10m")]
async fn load_users(filter: Filter) -> u64 {
    filter.limit as u64
}

fn main() {}
