//! In a module, and each with something that the graph finds.

use std::time::Duration;

use cache_runtime::cached;

/// Carries a tag that nothing invalidates.
#[cached(key = "price:{id}", ttl = "10m", tags = ["price:{id}"])]
pub async fn price(id: u64) -> u64 {
    id
}

/// Has the key of `price`, under another name.
#[cached(key = "price:{item}", ttl = "10m", tags = ["items"])]
pub async fn price_of(item: u64) -> u64 {
    item
}

/// Has a key that `price` has, too, for one argument.
#[cached(key = "price:best", ttl = "10m", tags = ["items"])]
pub async fn best_price() -> u64 {
    0
}

/// Has a key that is spelled almost like that of `price`.
#[cached(key = "prize:{id}", ttl = "10m", tags = ["items"])]
pub async fn prize(id: u64) -> u64 {
    id
}

/// Lives for longer than an hour, and nothing invalidates it.
#[cached(key = "rates", ttl = "1d")]
pub async fn rates() -> Vec<u64> {
    vec![]
}

/// Likewise, but how long is not known before it is called.
#[cached(key = "taxes", ttl = Duration::from_secs(86_400))]
pub async fn taxes() -> Vec<u64> {
    vec![]
}
