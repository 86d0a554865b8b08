//! A required fence returns an error that the function's own cannot be made from.

use cache_runtime::invalidates;

struct DbError;

#[invalidates(tags = ["user:{id}"], fence = "require")]
async fn rename_user(id: u64) -> Result<(), DbError> {
    if id == 0 { Err(DbError) } else { Ok(()) }
}

fn main() {}
