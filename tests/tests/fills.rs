//! Fills of the same moment share a request, and nothing else.

mod steps;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use cache_runtime::{Cache, Key};
use steps::{TTL, alone, patient};
use tests::{RedisCluster, RedisServer};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

fn key(n: usize) -> Key {
    Key::new(format!("k{n}")).tag("all").tag(format!("only:{n}"))
}

/// Loads of `keys` that end in the same moment; `meanwhile` happens right before.
async fn load_together(
    cache: &Cache,
    keys: impl Iterator<Item = Key>,
    meanwhile: impl Fn() + Clone + Send + Sync + 'static,
) {
    let keys: Vec<_> = keys.collect();
    let (end, mut callers) = (Arc::new(Barrier::new(keys.len())), JoinSet::new());
    for key in keys {
        let (cache, end, meanwhile) = (cache.clone(), Arc::clone(&end), meanwhile.clone());
        callers.spawn(async move {
            let load = async || {
                if end.wait().await.is_leader() {
                    meanwhile();
                }
                end.wait().await;
                Ok::<_, Infallible>(1u8)
            };
            cache.get_or_load(key, TTL, load).await
        });
    }
    for loaded in callers.join_all().await {
        assert_eq!(loaded.expect("loads do not fail"), 1);
    }
    cache.shutdown().await.expect("all fills have ended");
}

/// Five loads; before they end, somebody else puts a list where the values of `taken` belong. Which values are found.
async fn stored_beside(taken: &'static [usize]) -> Vec<usize> {
    let server = Arc::new(RedisServer::start());
    let cache = alone(patient("f", server.url())).await;
    let theirs = Arc::clone(&server);
    let take = move || {
        for n in taken {
            let name = format!("f:e:k{n}");
            assert!(theirs.query::<bool>(&["DEL", &name]), "there is a token");
            theirs.command(&["LPUSH", &name, "theirs"]);
        }
    };
    load_together(&cache, (0..5).map(key), take).await;
    let total = cache.stats().total();
    assert_eq!((total.fills, total.fills_failed), (5 - taken.len() as u64, taken.len() as u64));
    let another = alone(patient("f", server.url())).await;
    let mut stored = Vec::new();
    for n in 0..5 {
        if let Ok(Some(value)) = another.get::<u8>(key(n)).await {
            assert_eq!(value, 1);
            stored.push(n);
        }
    }
    stored
}

#[tokio::test]
async fn each_is_stored_under_its_own_name() {
    assert_eq!(stored_beside(&[]).await, [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn one_that_is_refused_keeps_no_other_from_being_stored() {
    assert_eq!(stored_beside(&[1, 3]).await, [0, 2, 4]);
}

#[tokio::test]
async fn all_may_be_refused() {
    assert!(stored_beside(&[0, 1, 2, 3, 4]).await.is_empty());
}

#[tokio::test]
async fn in_a_cluster_each_goes_to_its_master() {
    let cluster = RedisCluster::start(3, 0);
    let cache = alone(patient("f", cluster.cache_url())).await;
    let keys = || (0..12).map(key);
    load_together(&cache, keys(), || {}).await;
    assert_eq!(cache.stats().total().fills, 12);
    assert!((0..3).all(|node| !cluster.node(node).keys().is_empty()), "every master has some");
    let another = alone(patient("f", cluster.cache_url())).await;
    assert_eq!(another.get_many::<u8>(keys()).await.expect("up"), [Some(1); 12]);
}

#[tokio::test]
async fn a_master_that_hangs_fails_its_own() {
    let cluster = Arc::new(RedisCluster::start(3, 0));
    // Shorter than `shutdown` waits.
    let cache = alone(patient("f", cluster.cache_url()).budget(Duration::from_secs(2))).await;
    let of_the_first = (0..12).filter(|n| cluster.owner(&format!("f:e:k{n}")) == 0).count() as u64;
    assert!((1..12).contains(&of_the_first));
    let hangs = Arc::clone(&cluster);
    load_together(&cache, (0..12).map(key), move || hangs.pause(0)).await;
    let total = cache.stats().total();
    assert_eq!((total.fills, total.fills_failed), (12 - of_the_first, of_the_first));
    cluster.resume(0);
}
