//! Several mistakes in one template are shown in one run.

use cache_runtime::cached;

#[cached(key = "{}:{idd}:{org:x}}", ttl = "10m")]
async fn load_user(org: u64, id: u64) -> u64 {
    org + id
}

fn main() {}
