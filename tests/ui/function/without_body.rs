//! A trait's function that has no body.

use cache_runtime::cached;

trait Users {
    #[cached(key = "user:{id}", ttl = "10m", skip(self))]
    async fn load(&self, id: u64) -> u64;
}

fn main() {}
