//! Messages that go astray, step by step: each rule of the channel that keeps an in-process tier from serving what it has
//! not heard of, and what it serves with the rule switched off.

mod steps;

use std::sync::mpsc;
use std::time::Duration;

use cache_runtime::mutant::Mutant;
use cache_runtime::{Key, Source};
use steps::mutated::{bare, becomes_or_stays, builder, node, until};
use steps::{TTL, becomes, hears, is_vouched_for, listening, load};
use tests::{Mode, Pair, Predecessor, RedisCluster, RedisServer, eventually, log_in};

/// Long enough for heartbeats on a loaded machine, and no longer than a test may wait.
const LEASE: Duration = Duration::from_secs(2);

/// What a node keeps that reads between the message of an invalidation and its removal, which the master sent elsewhere:
/// the entry is on its way to another one.
async fn sent_elsewhere(mutant: Option<Mutant>) -> u64 {
    let cluster = RedisCluster::behind_proxies(2, 0);
    let key = Key::new("k");
    let slot = cluster.slot("replay:e:k");
    let (from, to) = (cluster.owner_of(slot), 1 - cluster.owner_of(slot));
    let reader = node(log_in(&cluster.cache_url(), "node0"), None).await;
    let writer = bare(log_in(&cluster.cache_url(), "node1"), mutant).await;
    writer.put(&key, &1u64, TTL).await.expect("up");
    until(&reader, &key, 1, Source::Local).await;
    cluster.begin_move(slot, to);
    cluster.move_keys(slot, to);
    // The old master answers the message, and for the removal points to the new one, which hears of it later.
    cluster.proxy(to).set_user("node1", Mode::Stall, Mode::Stall);
    let published = cluster.node(from).calls_of(&["publish"]);
    let writing = tokio::spawn({
        let (writer, key) = (writer.clone(), key.clone());
        async move { writer.remove([&key]).await }
    });
    eventually("the message is sent", async || cluster.node(from).calls_of(&["publish"]) > published).await;
    // What was moved is of another master's history: the reader loads it anew. It keeps it when all has come to rest.
    eventually("it is void", async || load(&reader, &key, 1).await.1 != Source::Local).await;
    let mut kept = 0;
    while kept < 300 {
        kept = if load(&reader, &key, 1).await.1 == Source::Local { kept + 1 } else { 0 };
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(!writing.is_finished(), "the removal is on its way");
    cluster.proxy(to).set(Mode::Pass);
    writing.await.expect("no panic").expect("up");
    becomes_or_stays(&reader, &key, 2).await
}

#[tokio::test]
async fn a_removal_that_is_sent_elsewhere_takes_its_message_along() {
    assert_eq!(sent_elsewhere(None).await, 2);
    assert_eq!(sent_elsewhere(Some(Mutant::MessageNotRepeated)).await, 1);
}

/// What a node serves a lease after an invalidation, while its heartbeats are answered and whoever else has work to do in
/// its process does not come round to it.
fn while_its_process_is_busy(mutant: Option<Mutant>) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).enable_all().build();
    runtime.expect("it can be had").block_on(async {
        let server = RedisServer::start();
        let reader = listening(builder(server.url(), mutant).lease(LEASE)).await;
        let writer = bare(server.url(), None).await;
        let key = Key::new("k").tag("t");
        until(&reader, &key, 1, Source::Local).await;
        let (done, busy) = mpsc::channel::<()>();
        let work = tokio::task::spawn_blocking(move || busy.recv());
        writer.invalidate_tags(["t"]).await.expect("up");
        tokio::time::sleep(LEASE).await;
        // Nothing is awaited between this and the look into what it keeps.
        eventually("its heartbeats are answered", async || is_vouched_for(&reader)).await;
        let (value, _) = load(&reader, &key, 2).await;
        done.send(()).expect("it waits");
        work.await.expect("no panic").expect("it was sent");
        value
    })
}

#[test]
fn a_message_counts_before_the_heartbeat_behind_it() {
    assert_eq!(while_its_process_is_busy(None), 2);
    assert_eq!(while_its_process_is_busy(Some(Mutant::MessagesBehindHeartbeat)), 1);
}

/// What a node serves a lease after an invalidation at a master that it has not heard of, whose message the others do
/// not pass on.
async fn told_by_a_stranger(mutant: Option<Mutant>) -> u64 {
    let cluster = RedisCluster::with_an_empty_master(2);
    let stranger = 2;
    let key = Key::new("k");
    let slot = cluster.slot("replay:e:k");
    let settings = builder(log_in(&cluster.cache_url(), "node0"), mutant).lease(LEASE);
    let reader = listening(settings.budget(Duration::from_millis(200))).await;
    until(&reader, &key, 1, Source::Local).await;
    // It asks nobody for the map, and hears those whom it knows.
    for at in 0..3 {
        cluster.proxy(at).set_user("node0", Mode::Stall, Mode::Pass);
    }
    cluster.move_slot(slot, stranger);
    let writer = bare(log_in(&cluster.cache_url(), "node1"), None).await;
    cluster.cut_bus(stranger);
    writer.remove([&key]).await.expect("up");
    cluster.mend_bus(stranger);
    tokio::time::sleep(LEASE).await;
    if mutant.is_some() {
        eventually("its heartbeats are answered", async || is_vouched_for(&reader)).await;
    }
    load(&reader, &key, 2).await.0
}

#[tokio::test]
async fn a_master_whose_slots_have_moved_vouches_for_nothing() {
    assert_eq!(told_by_a_stranger(None).await, 2);
    assert_eq!(told_by_a_stranger(Some(Mutant::SlotsNotWatched)).await, 1);
}

/// What a node serves whose data connection went on to a new master while its subscriber stayed with the deposed one, and
/// which neither tells its history.
async fn with_a_deposed_subscriber_and_no_history(mutant: Option<Mutant>) -> (u64, Source) {
    let mut pair = Pair::start();
    for server in [pair.master(), pair.replica()] {
        server.command(&["ACL", "SETUSER", "node0", "-info"]);
    }
    let url = log_in(&pair.url(), "node0");
    let reader = node(&url, mutant).await;
    assert_eq!(reader.health().history_guard, Some(false));
    let key = Key::new("k").tag("t");
    until(&reader, &key, 1, Source::Local).await;
    pair.wait_in_step();
    // Both are masters now, and connections stay where they are.
    pair.promote(Predecessor::Unaware);
    pair.replica().command(&["CLIENT", "KILL", "TYPE", "normal"]);
    becomes(&reader, "its data connection is at the new master", async || {
        load(&reader, format!("other{}", fastrand::u64(..)), 9).await;
        pair.master().keys().iter().any(|key| key.starts_with("replay:e:other"))
    })
    .await;
    hears(&reader).await;
    let writer = bare(&url, None).await;
    writer.invalidate_tags(["t"]).await.expect("up");
    let value = becomes_or_stays(&reader, &key, 2).await;
    (value, load(&reader, &key, value).await.1)
}

#[tokio::test]
async fn a_data_connection_that_is_dialed_anew_takes_the_subscriber_along_where_histories_are_hidden() {
    assert_eq!(with_a_deposed_subscriber_and_no_history(None).await.0, 2);
    let broken = Some(Mutant::HiddenSubscriberStays);
    assert_eq!(with_a_deposed_subscriber_and_no_history(broken).await, (1, Source::Local));
}
