//! A recorder that comes after the first calls misses none of them.
//!
//! A program of its own, because a recorder is for good.

mod steps;

use cache_runtime::{Cache, cached};
use metrics_exporter_prometheus::PrometheusBuilder;
use steps::becomes;

#[cached(key = "early:{n}", ttl = "1m")]
async fn early(n: u64) -> u64 {
    n
}

#[tokio::test]
async fn a_recorder_that_comes_late_is_told_of_all_calls() {
    let cache = Cache::local();
    for n in [1, 1, 2] {
        assert_eq!(cache.scope(early(n)).await, n);
    }
    let recorder = PrometheusBuilder::new().install_recorder().expect("the first one");
    // It is found by the first call that is not answered in process.
    assert_eq!(cache.scope(early(3)).await, 3);
    becomes(&cache, "all are published", async || {
        let text = recorder.render();
        let has = |outcome: &str, count: u64| {
            text.lines().any(|line| {
                line.contains("::early\"")
                    && line.contains(&format!("outcome=\"{outcome}\""))
                    && line.ends_with(&format!(" {count}"))
            })
        };
        has("loaded", 3) && has("local_hit", 1)
    })
    .await;
}
