//! Fills of the same moment share a request, and nothing else.

mod steps;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use cache_runtime::mutant::Mutant;
use cache_runtime::{Cache, CacheBuilder, Key};
use steps::{TTL, alone, patient};
use tests::{RedisCluster, RedisServer, TlsServer, log_in};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

fn key(n: usize) -> Key {
    Key::new(format!("k{n}")).tag("all").tag(format!("only:{n}"))
}

/// Loads of `keys`, to be kept for so long, that begin one after the other and end in the same moment; `meanwhile` happens
/// right before.
async fn load_together(
    cache: &Cache,
    keys: impl Iterator<Item = (Key, Duration)>,
    meanwhile: impl Fn() + Clone + Send + Sync + 'static,
) {
    let keys: Vec<_> = keys.collect();
    let (begun, end) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(keys.len())));
    let mut callers = JoinSet::new();
    for (key, ttl) in keys {
        let (cache, meanwhile) = (cache.clone(), meanwhile.clone());
        let (has_begun, end) = (Arc::clone(&begun), Arc::clone(&end));
        callers.spawn(async move {
            let load = async || {
                has_begun.wait().await;
                if end.wait().await.is_leader() {
                    meanwhile();
                }
                end.wait().await;
                Ok::<_, Infallible>(1u8)
            };
            cache.get_or_load(key, ttl, load).await
        });
        begun.wait().await;
    }
    for loaded in callers.join_all().await {
        assert_eq!(loaded.expect("loads do not fail"), 1);
    }
    cache.shutdown().await.expect("all fills have ended");
}

/// Five loads; before they end, somebody else does something to the names of `taken`. Which values are found, and how many
/// fills stored, were refused and failed.
async fn stored_beside(
    builder: impl Fn() -> CacheBuilder,
    taken: &'static [usize],
    theirs: impl Fn(&str) + Clone + Send + Sync + 'static,
) -> (Vec<usize>, [u64; 3]) {
    let cache = alone(builder()).await;
    let take = move || taken.iter().for_each(|n| theirs(&format!("f:e:k{n}")));
    load_together(&cache, (0..5).map(|n| (key(n), TTL)), take).await;
    let total = cache.stats().total();
    let another = alone(builder()).await;
    let mut stored = Vec::new();
    for n in 0..5 {
        if let Ok(Some(value)) = another.get::<u8>(key(n)).await {
            assert_eq!(value, 1);
            stored.push(n);
        }
    }
    (stored, [total.fills, total.fills_refused, total.fills_failed])
}

/// The same with a server of its own, to whom all of them go as one script.
async fn stored_by_one_script(taken: &'static [usize], theirs: fn(&RedisServer, &str)) -> (Vec<usize>, [u64; 3]) {
    let server = Arc::new(RedisServer::start());
    let at_the_server = Arc::clone(&server);
    let stored = stored_beside(|| patient("f", server.url()), taken, move |name| theirs(&at_the_server, name)).await;
    // Other scripts ask what a name holds, or how long it is.
    assert_eq!(server.calls_of(&["eval"]) - server.calls_of(&["get", "strlen"]), 1);
    stored
}

fn deleted(server: &RedisServer, name: &str) {
    assert!(server.query::<bool>(&["DEL", name]), "there is a token");
}

fn made_a_list(server: &RedisServer, name: &str) {
    deleted(server, name);
    server.command(&["LPUSH", name, "theirs"]);
}

#[tokio::test]
async fn each_is_stored_under_its_own_name() {
    assert_eq!(stored_by_one_script(&[], deleted).await, (vec![0, 1, 2, 3, 4], [5, 0, 0]));
}

#[tokio::test]
async fn each_lives_as_long_as_it_is_told_to() {
    let server = RedisServer::start();
    let cache = alone(patient("f", server.url())).await;
    let ttl = |n: usize| TTL * (1 << n);
    load_together(&cache, (0..5).map(|n| (key(n), ttl(n))), || {}).await;
    for n in 0..5 {
        let left = Duration::from_millis(server.query(&["PTTL", &format!("f:e:k{n}")]));
        // Less what is taken off at random, and what has passed.
        assert!(left <= ttl(n) && left > ttl(n) / 2, "{n}: {left:?}");
    }
}

#[tokio::test]
async fn what_was_invalidated_meanwhile_is_not_stored_and_what_is_beside_it_is() {
    assert_eq!(stored_by_one_script(&[0, 3], deleted).await, (vec![1, 2, 4], [3, 2, 0]));
}

/// As it is after an invalidation and the miss behind it.
fn given_a_newer_token(server: &RedisServer, name: &str) {
    deleted(server, name);
    server.set_raw(name, b"Tanother.next");
}

#[tokio::test]
async fn nor_is_what_another_load_has_begun_for_meanwhile() {
    assert_eq!(stored_by_one_script(&[0, 3], given_a_newer_token).await, (vec![1, 2, 4], [3, 2, 0]));
}

#[tokio::test]
async fn that_each_is_compared_is_what_refuses_it() {
    let server = Arc::new(RedisServer::start());
    let builder = || patient("f", server.url()).mutant(Mutant::PlainFills);
    let at_the_server = Arc::clone(&server);
    let take = move |name: &str| given_a_newer_token(&at_the_server, name);
    assert_eq!(stored_beside(builder, &[0, 3], take).await, (vec![0, 1, 2, 3, 4], [5, 0, 0]));
}

#[tokio::test]
async fn one_that_fails_keeps_no_other_from_being_stored() {
    assert_eq!(stored_by_one_script(&[1, 3], made_a_list).await, (vec![0, 2, 4], [3, 0, 2]));
}

#[tokio::test]
async fn nor_does_it_over_tls() {
    let server = Arc::new(TlsServer::start());
    let builder = || patient("f", server.url()).tls_root(server.ca_pem());
    let at_the_server = Arc::clone(&server);
    let take = move |name: &str| made_a_list(at_the_server.server(), name);
    assert_eq!(stored_beside(builder, &[1, 3], take).await, (vec![0, 2, 4], [3, 0, 2]));
}

#[tokio::test]
async fn nor_does_it_where_each_has_a_script_of_its_own() {
    let server = RedisServer::start();
    let cache = alone(patient("f", server.url())).await;
    let scripts = server.calls_of(&["eval"]);
    let at_the_server = Arc::new(server);
    let theirs = Arc::clone(&at_the_server);
    // As few of them.
    let keys = || (0..3).map(|n| Key::new(format!("k{n}")));
    load_together(&cache, keys().map(|key| (key, TTL)), move || made_a_list(&theirs, "f:e:k1")).await;
    let total = cache.stats().total();
    assert_eq!((total.fills, total.fills_failed), (2, 1));
    assert_eq!(at_the_server.calls_of(&["eval"]) - scripts, 3);
}

#[tokio::test]
async fn all_may_fail() {
    assert_eq!(stored_by_one_script(&[0, 1, 2, 3, 4], made_a_list).await, (vec![], [0, 0, 5]));
}

/// As several shards behind one address do, and a node of a Cluster whom nobody takes for one.
#[tokio::test]
async fn a_server_that_takes_no_script_over_several_names_is_sent_one_for_each() {
    let shards = RedisCluster::start(1, 0);
    let server = shards.node(0);
    // One that did count as trouble would be the last.
    let builder = || patient("f", server.url()).breaker_failures(1);
    let cache = alone(builder()).await;
    let keys = |of| (0..5).map(move |n| Key::new(format!("{of}{n}")));
    load_together(&cache, keys("k").map(|key| (key, TTL)), || {}).await;
    assert_eq!((cache.stats().total().fills, server.refusals("CROSSSLOT")), (5, 1));
    let another = alone(builder()).await;
    for key in keys("k") {
        assert_eq!(another.get::<u8>(key).await.expect("up"), Some(1));
    }
    load_together(&another, keys("l").map(|key| (key, TTL)), || {}).await;
    assert_eq!((another.stats().total().fills, server.refusals("CROSSSLOT")), (5, 2));
    // Nor is it asked again, for whatever reason.
    load_together(&another, keys("m").map(|key| (key, TTL)), || {}).await;
    assert_eq!(another.remove(keys("m")).await.expect("up"), 5);
    assert_eq!((another.stats().total().fills, server.refusals("CROSSSLOT")), (10, 2));
}

#[tokio::test]
async fn a_name_that_may_not_be_written_any_more_fails_alone() {
    let server = Arc::new(RedisServer::start());
    server.command(&["ACL", "SETUSER", "shop", "on", "nopass", "allchannels", "allcommands", "allkeys"]);
    let cache = alone(patient("f", log_in(&server.url(), "shop"))).await;
    let keys = |of| (0..5).map(move |n| (Key::new(format!("{of}{n}")), TTL));
    let at_the_server = Arc::clone(&server);
    let all_but_one = ["resetkeys", "~f:e:k[0-3]", "~f:e:l*"];
    load_together(&cache, keys("k"), move || {
        at_the_server.command(&[&["ACL", "SETUSER", "shop"][..], &all_but_one].concat());
    })
    .await;
    let total = cache.stats().total();
    assert_eq!((total.fills, total.fills_failed), (4, 1));
    // Nothing was found out about other names.
    let scripts = server.calls_of(&["eval"]);
    load_together(&cache, keys("l"), || {}).await;
    assert_eq!((cache.stats().total().fills, server.calls_of(&["eval"]) - scripts), (9, 1));
}

#[tokio::test]
async fn in_a_cluster_each_goes_to_its_master() {
    let cluster = RedisCluster::start(3, 0);
    let cache = alone(patient("f", cluster.cache_url())).await;
    let keys = || (0..12).map(key);
    load_together(&cache, keys().map(|key| (key, TTL)), || {}).await;
    assert_eq!(cache.stats().total().fills, 12);
    assert!((0..3).all(|node| !cluster.node(node).keys().is_empty()), "every master has some");
    let another = alone(patient("f", cluster.cache_url())).await;
    assert_eq!(another.get_many::<u8>(keys()).await.expect("up"), [Some(1); 12]);
}

#[tokio::test]
async fn in_a_cluster_one_that_fails_keeps_no_other_from_being_stored() {
    let cluster = Arc::new(RedisCluster::start(3, 0));
    let cache = alone(patient("f", cluster.cache_url())).await;
    let theirs = Arc::clone(&cluster);
    let take = move || made_a_list(theirs.node(theirs.owner("f:e:k1")), "f:e:k1");
    load_together(&cache, (0..12).map(|n| (key(n), TTL)), take).await;
    let total = cache.stats().total();
    assert_eq!((total.fills, total.fills_failed), (11, 1));
}

#[tokio::test]
async fn a_master_that_hangs_fails_its_own() {
    let cluster = Arc::new(RedisCluster::start(3, 0));
    // Shorter than `shutdown` waits.
    let cache = alone(patient("f", cluster.cache_url()).budget(Duration::from_secs(2))).await;
    let of_the_first = (0..12).filter(|n| cluster.owner(&format!("f:e:k{n}")) == 0).count() as u64;
    assert!((1..12).contains(&of_the_first));
    let hangs = Arc::clone(&cluster);
    load_together(&cache, (0..12).map(|n| (key(n), TTL)), move || hangs.pause(0)).await;
    let total = cache.stats().total();
    assert_eq!((total.fills, total.fills_failed), (12 - of_the_first, of_the_first));
    cluster.resume(0);
}
