//! A hit in process allocates nothing.
//!
//! A program of its own, because its allocator counts.

use std::hint::black_box;
use std::sync::Arc;

use cache_runtime::{Cache, KeyPart, cached};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

#[derive(Clone, Copy, KeyPart)]
struct OrgId(u64);

#[cached(key = "user:{id}", ttl = "1h")]
async fn user(id: u64) -> Arc<String> {
    Arc::new(format!("user {id}"))
}

#[cached(key = "member:{org}:{name}", ttl = "1h", tags = ["org:{org}", "members", "name:{name}"])]
async fn member(org: OrgId, name: &str) -> Result<Option<Arc<String>>, String> {
    Ok(Some(Arc::new(format!("{name} of {}", org.0))))
}

/// Its parts do not fit where those of most calls do.
#[cached(key = "page:{path}:{of}", ttl = "1h")]
async fn page(path: &str, of: Option<u64>) -> Arc<String> {
    Arc::new(format!("{path} of {of:?}"))
}

// One test: a second one would allocate at the same time.
#[tokio::test]
async fn a_hit_in_process_allocates_nothing() {
    Cache::local().install().expect("the first one");
    let path = "/a/path/that/is/longer/than/the/fifty-six/bytes/of/a/call/that/is/taken/in";
    let all = async || {
        for id in 0..100 {
            black_box(user(id).await);
            black_box(member(OrgId(id), "somebody").await).expect("it has no errors");
            black_box(page(path, Some(id)).await);
        }
    };
    // Until everything is where it is found soonest.
    for _ in 0..1_000 {
        all().await;
    }
    let before = ALLOCATED.current_usage();
    ALLOCATED.reset_peak_usage();
    for _ in 0..100 {
        all().await;
    }
    assert_eq!(ALLOCATED.peak_usage(), before);
    // So that the equality above says something.
    black_box(Box::new(1));
    assert_ne!(ALLOCATED.peak_usage(), before);
}
