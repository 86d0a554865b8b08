//! A value that may be borrowed.

use cache_runtime::cached;

use std::borrow::Cow;

#[cached(key = "user:{name}", ttl = "10m")]
async fn load_user(name: &str) -> Result<Cow<'_, str>, u8> {
    Ok(Cow::Borrowed(name))
}

fn main() {}
