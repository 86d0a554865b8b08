//! An enum whose variants hold values.

use cache_runtime::KeyPart;

#[derive(KeyPart)]
enum Filter {
    All,
    ByName(String),
}

fn main() {}
