//! A stream is not one value.

use cache_runtime::cached;

use std::pin::Pin;

trait Stream {
    type Item;
}

#[cached(key = "user:{id}", ttl = "10m")]
fn load_user(id: u64) -> Pin<Box<dyn Stream<Item = u64>>> {
    unimplemented!("{id}")
}

fn main() {}
