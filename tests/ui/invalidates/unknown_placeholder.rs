//! Templates are checked as in `#[cached]`.

use cache_runtime::invalidates;

#[invalidates(tags = ["user:{idd}"])]
async fn rename_user(id: u64) -> u64 {
    id
}

fn main() {}
