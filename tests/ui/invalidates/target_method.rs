//! A method is invalidated by its tags.

use cache_runtime::{cached, invalidates};

struct Users;

impl Users {
    #[cached(key = "user:{id}", ttl = "10m", skip(self))]
    async fn load(&self, id: u64) -> u64 {
        id
    }

    #[invalidates(self.load(id))]
    async fn rename(&self, id: u64) -> u64 {
        id
    }

    #[invalidates(Self::load(id))]
    async fn delete(&self, id: u64) -> u64 {
        id
    }
}

fn main() {}
