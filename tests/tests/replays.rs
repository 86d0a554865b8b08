//! Races that random runs hardly ever find, step by step: refused by the protocol, let through by the rule that is
//! switched off.

mod steps;

use std::convert::Infallible;
use std::time::Duration;

use cache_runtime::mutant::Mutant;
use cache_runtime::{Cache, Key, Source};
use steps::mutated::{bare, becomes_or_stays, builder, node, until};
use steps::{TTL, becomes, epoch, hears, is_vouched_for, listening, load};
use tests::{Mode, Pair, Predecessor, Proxy, RedisCluster, RedisServer, eventually};

async fn get(cache: &Cache, key: &Key) -> Option<u64> {
    let mut found = None;
    becomes(cache, "an answer", async || {
        let answer = cache.get::<u64>(key).await;
        found = answer.as_ref().ok().copied().flatten();
        answer.is_ok()
    })
    .await;
    found
}

/// What a cache finds after its server came back with a snapshot from before an invalidation.
async fn after_an_old_snapshot(mutant: Option<Mutant>) -> Option<u64> {
    let mut server = RedisServer::start();
    let cache = bare(server.url(), mutant).await;
    let key = Key::new("k").tag("t");
    cache.put(&key, &1u64, TTL).await.expect("up");
    server.command(&["SAVE"]);
    cache.invalidate_tags(["t"]).await.expect("up");
    assert_eq!(get(&cache, &key).await, None);
    server.kill();
    server.restart();
    assert!(server.query::<bool>(&["EXISTS", "replay:e:k"]), "the snapshot brings the entry back");
    get(&cache, &key).await
}

#[tokio::test]
async fn an_old_snapshot_does_not_bring_back_what_was_invalidated() {
    assert_eq!(after_an_old_snapshot(None).await, None);
    assert_eq!(after_an_old_snapshot(Some(Mutant::NoHistory)).await, Some(1));
}

/// What is found when the stamp of a tag was evicted after an invalidation, and made again by another entry.
async fn after_an_eviction(mutant: Option<Mutant>) -> Option<u64> {
    let server = RedisServer::start();
    let cache = bare(server.url(), mutant).await;
    let key = Key::new("k").tag("t");
    cache.put(&key, &1u64, TTL).await.expect("up");
    cache.invalidate_tags(["t"]).await.expect("up");
    assert_eq!(get(&cache, &key).await, None);
    server.command(&["DEL", "replay:t:t"]);
    cache.put(Key::new("other").tag("t"), &2u64, TTL).await.expect("up");
    get(&cache, &key).await
}

#[tokio::test]
async fn an_evicted_stamp_never_begins_at_one_that_entries_carry() {
    assert_eq!(after_an_eviction(None).await, None);
    assert_eq!(after_an_eviction(Some(Mutant::Counters)).await, Some(1));
}

/// What a caller is handed who comes after an invalidation that a failover then lost, while a load from before it is
/// under way. The entry has no tags: its token is all there is.
async fn joins_across_a_failover(mutant: Option<Mutant>) -> u64 {
    let mut pair = Pair::start();
    let cache = bare(pair.url(), mutant).await;
    let other = bare(pair.url(), None).await;
    let key = Key::new("k");
    // The loader has the old value in its hand from here on.
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let (go, goes) = tokio::sync::oneshot::channel::<()>();
    let loading = {
        let (cache, key) = (cache.clone(), key.clone());
        tokio::spawn(async move {
            let load = cache.get_or_load(&key, TTL, || async {
                begun.send(()).expect("somebody waits");
                goes.await.expect("told to go on");
                Ok::<_, Infallible>(1u64)
            });
            load.await.expect("the loader does not fail")
        })
    };
    has_begun.await.expect("it begins");
    pair.wait_in_step();
    pair.cut_replication();
    // Acknowledged by the master, and lost with it: the replica still has the token.
    other.remove([&key]).await.expect("up");
    pair.promote(Predecessor::Killed);
    let asked = pair.master().calls_of(&["set"]);
    let joining = {
        let (cache, key) = (cache.clone(), key.clone());
        tokio::spawn(async move {
            // Until the new master answers, the function runs on its own.
            loop {
                let (value, source) = load(&cache, &key, 2).await;
                if source != Source::Bypassed {
                    return value;
                }
                // An open breaker answers at once.
                tokio::task::yield_now().await;
            }
        })
    };
    // He has looked, and left or found a token; with the answer he finds the flight, or leads one of his own.
    eventually("he has asked", async || pair.master().calls_of(&["set"]) > asked).await;
    cache.ping().await.expect("on the same connection, so his answer has come before this one");
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    go.send(()).expect("the loader waits");
    assert_eq!(loading.await.expect("no panic"), 1);
    joining.await.expect("no panic")
}

#[tokio::test]
async fn nobody_joins_a_load_of_another_history() {
    assert_eq!(joins_across_a_failover(None).await, 2);
    assert_eq!(joins_across_a_failover(Some(Mutant::FlightWithoutHistory)).await, 1);
}

/// What a node serves whose data connection went on to a new master while its subscriber stayed with the deposed one.
async fn with_a_deposed_subscriber(mutant: Option<Mutant>) -> (u64, Source) {
    let mut pair = Pair::start();
    let reader = node(pair.url(), mutant).await;
    let key = Key::new("k").tag("t");
    until(&reader, &key, 1, Source::Local).await;
    pair.wait_in_step();
    // Both are masters now, and connections stay where they are.
    pair.promote(Predecessor::Unaware);
    kill_data_connections(pair.replica());
    // Another entry sends the reader's data connection to the new master.
    until(&reader, &Key::new("other"), 9, Source::Redis).await;
    let writer = bare(pair.url(), None).await;
    writer.invalidate_tags(["t"]).await.expect("up");
    load(&reader, &key, 2).await
}

fn kill_data_connections(server: &RedisServer) {
    server.command(&["CLIENT", "KILL", "TYPE", "normal"]);
}

#[tokio::test]
async fn a_subscriber_on_a_deposed_master_vouches_for_nothing() {
    assert_eq!(with_a_deposed_subscriber(None).await.0, 2);
    assert_eq!(with_a_deposed_subscriber(Some(Mutant::DeposedSubscriber)).await, (1, Source::Local));
}

/// What a node serves later that read through one of two data connections which had stayed on a deposed master, while
/// the other one and its subscriber had followed to the new one.
async fn with_a_deposed_lane(mutant: Option<Mutant>) -> u64 {
    let mut pair = Pair::start();
    let reader = listening(builder(pair.url(), mutant).lanes(2)).await;
    let key = Key::new("k").tag("t");
    // Both connections are in use.
    for n in 0..4 {
        load(&reader, format!("warm{n}"), 9).await;
    }
    let lanes = data_connections(pair.master());
    assert_eq!(lanes.len(), 2, "{lanes:?}");
    // Stored by somebody else: not kept by this reader yet.
    bare(pair.url(), None).await.put(&key, &1u64, TTL).await.expect("up");
    pair.wait_in_step();
    pair.promote(Predecessor::Unaware);
    let before = epoch(&reader);
    pair.replica().command(&["CLIENT", "KILL", "ID", &lanes[0]]);
    pair.replica().command(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    becomes(&reader, "one of its connections is at the new master, and it listens there", async || {
        load(&reader, format!("more{}", fastrand::u64(..)), 9).await;
        epoch(&reader) != before && !data_connections(pair.master()).is_empty()
    })
    .await;
    hears(&reader).await;
    // At the new master: one of the reader's connections does not know.
    bare(pair.url(), None).await.invalidate_tags(["t"]).await.expect("up");
    // What the deposed one answers is old, which nobody can help. It must not be kept.
    for _ in 0..4 {
        let _ = reader.get::<u64>(&key).await;
    }
    pair.replica().command(&["CLIENT", "KILL", "ID", &lanes[1]]);
    hears(&reader).await;
    load(&reader, &key, 2).await.0
}

/// The ids of the caches' connections, without subscribers and without those of writers who have gone.
fn data_connections(server: &RedisServer) -> Vec<String> {
    let list = server.text(&["CLIENT", "LIST", "TYPE", "normal"]);
    let field = |line: &str, name: &str| {
        line.split(' ').find_map(|field| field.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
    };
    // The server's own test connection is on its Unix socket.
    let ours = list.lines().filter(|line| !line.contains(".sock") && !line.contains("addr=/"));
    ours.filter_map(|line| field(line, "id")).collect()
}

#[tokio::test]
async fn what_a_deposed_master_answered_is_not_kept() {
    assert_eq!(with_a_deposed_lane(None).await, 2);
    assert_eq!(with_a_deposed_lane(Some(Mutant::InsertFromOtherHistory)).await, 1);
}

/// What a node keeps of a read that was under way while its subscriber was away.
async fn reads_across_a_gap(mutant: Option<Mutant>) -> u64 {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let reader = node(proxy.url(), mutant).await;
    let writer = bare(server.url(), None).await;
    let key = Key::new("k").tag("t");
    writer.put(&key, &1u64, TTL).await.expect("up");
    let before = epoch(&reader);
    // It is told that its connection has ended, and does not come through with another one.
    proxy.set_subscribers(Mode::Stall);
    proxy.kill_subscribers();
    eventually("it knows", async || epoch(&reader) != before).await;
    // Read before the invalidation, answered after the subscriber is back: a new delay holds up the answer, and no
    // longer the question, which was under the old one.
    let (sent, asked) = (proxy.request_bytes(), server.calls_of(&["mget"]));
    proxy.set_data(Mode::Delay(Duration::from_secs(3600)));
    let reading = tokio::spawn({
        let (reader, key) = (reader.clone(), key.clone());
        async move { load(&reader, &key, 2).await }
    });
    eventually("it has asked", async || proxy.request_bytes() > sent).await;
    proxy.set_data(Mode::Delay(Duration::from_secs(3601)));
    eventually("it was answered", async || server.calls_of(&["mget"]) > asked).await;
    writer.invalidate_tags(["t"]).await.expect("up");
    proxy.set_subscribers(Mode::Pass);
    eventually("it is back", async || is_vouched_for(&reader)).await;
    assert!(!reading.is_finished(), "its answer is on the way");
    proxy.set(Mode::Pass);
    reading.await.expect("no panic");
    hears(&reader).await;
    load(&reader, &key, 2).await.0
}

#[tokio::test]
async fn what_was_read_while_nobody_listened_is_not_kept() {
    assert_eq!(reads_across_a_gap(None).await, 2);
    assert_eq!(reads_across_a_gap(Some(Mutant::EpochAtDisconnectOnly)).await, 1);
}

/// What a node keeps that reads between the message of an invalidation and its removal.
async fn reads_between_message_and_removal(mutant: Option<Mutant>) -> u64 {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let reader = node(server.url(), None).await;
    let writer = bare(proxy.url(), mutant).await;
    let key = Key::new("k").tag("t");
    until(&reader, &key, 1, Source::Local).await;
    writer.ping().await.expect("up");
    let voided = reader.stats().local_voided;
    // The request arrives in pieces, and is executed as far as it has arrived.
    proxy.set_data(Mode::Drip(Duration::from_millis(40)));
    let writing = tokio::spawn({
        let writer = writer.clone();
        async move { writer.invalidate_tags(["t"]).await }
    });
    // Meanwhile the reader reads, and keeps what it finds. It loads what is true by now: once the old value is gone, and
    // before the writer has its answer, it may load.
    while !writing.is_finished() {
        load(&reader, &key, 2).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    writing.await.expect("no panic").expect("up");
    let value = becomes_or_stays(&reader, &key, 2).await;
    assert!(reader.stats().local_voided > voided, "the reader heard of it");
    value
}

#[tokio::test]
async fn nothing_is_kept_that_was_read_between_the_message_and_the_removal() {
    assert_eq!(reads_between_message_and_removal(None).await, 2);
    assert_eq!(reads_between_message_and_removal(Some(Mutant::PublishBeforeUnlink)).await, 1);
}

/// What a node serves when the masters of a Cluster do not hear each other for a moment.
async fn with_a_cut_bus(mutant: Option<Mutant>) -> u64 {
    let cluster = RedisCluster::start(3, 0);
    let reader = node(cluster.cache_url(), mutant).await;
    let writer = bare(cluster.cache_url(), None).await;
    // A key of the last master, by address: the mutant listens to the first alone.
    let masters = reader.health().masters;
    let last = masters.last().expect("there are three").clone();
    let of_last = |name: &String| {
        let owner = cluster.owner(&format!("replay:e:{name}"));
        cluster.urls()[owner].ends_with(last.rsplit(':').next().expect("a port"))
    };
    let name = (0..).map(|n| format!("k{n}")).find(of_last).expect("each master owns keys");
    let key = Key::new(&name);
    until(&reader, &key, 1, Source::Local).await;
    let owner = cluster.owner(&format!("replay:e:{name}"));
    cluster.cut_bus(owner);
    writer.remove([&key]).await.expect("up");
    cluster.mend_bus(owner);
    becomes_or_stays(&reader, &key, 2).await
}

#[tokio::test]
async fn every_master_is_listened_to() {
    assert_eq!(with_a_cut_bus(None).await, 2);
    assert_eq!(with_a_cut_bus(Some(Mutant::OneSubscriber)).await, 1);
}
