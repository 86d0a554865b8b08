//! An option that does not exist.

use cache_runtime::KeyPart;

#[derive(KeyPart)]
#[key_part(rename = "u")]
struct UserId(u64);

fn main() {}
