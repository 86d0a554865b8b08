//! A function for another language.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = "10m")]
extern "C" fn load_user(id: u64) -> u64 {
    id
}

fn main() {}
