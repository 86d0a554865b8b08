//! The suggestion keeps fields and format.

use cache_runtime::cached;

#[cached(key = "{fliter.page:hash}", ttl = "10m")]
async fn search(filter: Filter) -> u64 {
    filter.page
}

struct Filter {
    page: u64,
}

fn main() {}
