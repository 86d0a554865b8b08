//! A field that the returned value does not have.

use cache_runtime::invalidates;

struct User {
    id: u64,
}

#[invalidates(tags = ["user:{return.idd}"])]
async fn create_user(id: u64) -> Result<User, u8> {
    Ok(User { id })
}

fn main() {}
