//! A type with a lifetime.

use cache_runtime::cached;

struct User<'a>(&'a str);

#[cached(key = "user:{name}", ttl = "10m")]
async fn load_user(name: &str) -> User<'_> {
    User(name)
}

fn main() {}
