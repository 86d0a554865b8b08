//! The body does not return what the function says; a tag names what it returns.

use cache_runtime::cached;

#[cached(key = "user:{id}", ttl = "10m", tags = ["{return}"])]
async fn load_user(id: u64) -> Result<u64, String> {
    if id == 1 {
        return Some(id);
    }
    let id: u64 = "7".parse()?;
    id
}

#[cached(key = "name:{id}", ttl = "10m", tags = ["{return}"])]
fn load_name(id: u64) -> impl Future<Output = String> {
    async move { id }
}

fn main() {}
