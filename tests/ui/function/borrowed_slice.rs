//! Part of a list.

use cache_runtime::cached;

#[cached(key = "all", ttl = "10m", skip(names))]
async fn first(names: &[String]) -> &[String] {
    &names[..1]
}

fn main() {}
