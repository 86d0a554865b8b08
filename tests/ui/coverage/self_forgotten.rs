//! The receiver counts as a parameter.

use cache_runtime::cached;

struct Users {
    tenant: u64,
}

impl Users {
    #[cached(key = "user:{id}", ttl = "10m")]
    async fn load(&self, id: u64) -> u64 {
        self.tenant + id
    }
}

fn main() {}
