//! A mistake in the body is shown where it is.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = "10m")]
async fn load_user(id: u64) -> Result<String, std::num::ParseIntError> {
    let parsed: u64 = "7".parse()?;
    let name: String = parsed + id;
    Ok(name)
}

fn main() {}
