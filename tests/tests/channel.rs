//! Servers that take no message or no subscriber, from this user or from nobody: nothing is kept in process, all else works,
//! and it is told once.

mod steps;

use std::time::Duration;

use cache_runtime::Source;
use steps::users::{CLUSTER, as_user, builder, cache, change_rows, do_everything, permissions, row, set_user, works};
use steps::warnings::Warnings;
use steps::{TTL, alone, answers, becomes, hears, is_denied, load};
use tests::{FakeRedis, RedisCluster, RedisServer, eventually, reply};
use tokio::sync::watch;

#[tokio::test]
async fn without_a_channel_invalidations_succeed_and_nothing_is_kept_in_process() {
    let server = RedisServer::start();
    for missing in [&["&topo:bus"][..], &["+publish", "+subscribe"], &["+publish"], &["+subscribe"]] {
        set_user(&server, permissions().filter(|kept| !missing.contains(kept)));
        let (here, there) = (as_user(&server), as_user(&server));
        for n in 0..10 {
            here.put(row(), &n, TTL).await.expect("it is stored, and nobody is there to be told");
            assert_eq!(there.get::<u64>(row()).await.expect("up"), Some(n));
            assert_eq!(load(&here, row(), 99).await, (n, Source::Redis), "without {missing:?}");
            assert_eq!(here.remove([row()]).await.expect("it is removed"), 1);
            assert_eq!(there.get::<u64>(row()).await.expect("up"), None);
            here.scope(change_rows()).await;
            here.invalidate_tags(["rows"]).await.expect("it is removed");
        }
        assert_eq!(here.remove_matching("*").await.expect("nobody is there to be told"), 0);
        here.clear().await.expect("nobody is there to be told");
        works(&here, &there, Source::Redis).await;
        let health = here.health();
        let local = health.local.clone().expect("it was asked for");
        assert!(local.denied && local.vouched_for.is_zero(), "{health:?}");
        assert!(health.available && health.owed == 0 && health.last_error.is_none(), "{health:?}");
        assert_eq!(here.stats().invalidations_deferred, 0);
        assert_eq!((here.stats().direct.refusals, here.stats().breaker_opened), (0, 0));
    }
}

#[tokio::test]
async fn who_may_not_hear_or_may_not_tell_is_told_so_once() {
    for missing in [&["&topo:bus"][..], &["+publish", "+subscribe"], &["+publish"], &["+subscribe"]] {
        let server = RedisServer::start();
        set_user(&server, permissions().filter(|kept| !missing.contains(kept)));
        let warnings = Warnings::collect();
        let cache = as_user(&server);
        for _ in 0..5 {
            do_everything(&cache).await;
        }
        eventually("denied", async || is_denied(&cache)).await;
        do_everything(&cache).await;
        assert_eq!(warnings.so_far().len(), 1, "without {missing:?}: {:#?}", warnings.so_far());
    }
}

#[tokio::test]
async fn of_a_cluster_each_master_that_takes_no_subscriber_is_named_once() {
    let cluster = RedisCluster::start(3, 0);
    for node in 0..3 {
        set_user(cluster.node(node), permissions().chain(CLUSTER).filter(|&kept| kept != "+subscribe"));
    }
    let warnings = Warnings::collect();
    let cache = cache(cluster.cache_url().replace("://", "://app:hunter2@"));
    for _ in 0..5 {
        do_everything(&cache).await;
    }
    eventually("each is named", async || warnings.so_far().len() >= 3).await;
    do_everything(&cache).await;
    let told = warnings.so_far();
    assert_eq!(told.len(), 3, "{told:#?}");
    for master in cache.health().masters {
        assert_eq!(told.iter().filter(|line| line.contains(&master)).count(), 1, "{master}: {told:#?}");
    }
    assert!(is_denied(&cache) && cache.health().available);
}

#[tokio::test]
async fn a_server_without_publish_is_one_where_nobody_is_to_be_told() {
    let server = RedisServer::with_args(&["--rename-command", "PUBLISH", ""]);
    let warnings = Warnings::collect();
    let (here, there) = (cache(server.url()), cache(server.url()));
    works(&here, &there, Source::Redis).await;
    do_everything(&here).await;
    here.invalidate_tags(["rows"]).await.expect("it is removed");
    assert!(is_denied(&here) && is_denied(&there));
    assert_eq!((here.health().owed, here.stats().direct.refusals), (0, 0));
    let bare = alone(builder(server.url())).await;
    bare.invalidate_tags(["rows"]).await.expect("it is removed, by one without a tier");
    assert_eq!(bare.stats().direct.disconnects, 0);
    assert_eq!(warnings.so_far().len(), 3, "one of each: {:#?}", warnings.so_far());
}

/// What servers and proxies say that take no PUBLISH: from this user, or from nobody.
const NO_PUBLISH: [&str; 5] = [
    "NOPERM this user has no permissions to run the 'publish' command",
    "ERR unknown command `PUBLISH`, with args beginning with: `topo:bus`, ",
    "ERR unsupported command `publish`",
    "ERR command is not supported in Active-Active",
    "ERR handle request, command 'PUBLISH' is not allowed",
];

/// An empty server that forgets what it is told, and answers each PUBLISH with what it is given last.
fn answering_publish(answer: &watch::Sender<Vec<u8>>) -> FakeRedis {
    let answer = answer.subscribe();
    FakeRedis::start(move |command| match command[0].as_slice() {
        b"PUBLISH" => answer.borrow().clone(),
        _ => forgets(command),
    })
}

#[tokio::test]
async fn what_says_that_it_takes_no_publish_is_owed_nothing() {
    for refusal in NO_PUBLISH {
        let server = answering_publish(&watch::Sender::new(reply::error(refusal)));
        let cache = cache(server.url());
        answers(&cache).await;
        cache.invalidate_tags(["rows"]).await.unwrap_or_else(|error| panic!("{refusal}: {error}"));
        assert!(is_denied(&cache) && cache.health().owed == 0, "{refusal}: {:?}", cache.health());
    }
}

#[tokio::test]
async fn what_fails_a_publish_for_another_reason_is_owed_all_of_it() {
    for trouble in ["ERR internal error", "ERR handle response, backend conn reset", "OOM command not allowed"] {
        let answer = watch::Sender::new(reply::error(trouble));
        let server = answering_publish(&answer);
        let cache = cache(server.url());
        answers(&cache).await;
        cache.invalidate_tags(["rows"]).await.expect_err("nobody was told");
        becomes(&cache, "the subscriber has been refused", async || {
            cache.health().local.is_some_and(|local| local.last_error.is_some())
        })
        .await;
        assert!(!is_denied(&cache) && cache.health().owed == 1, "{trouble}: {:?}", cache.health());
        answer.send_replace(reply::integer(0));
        becomes(&cache, "it is delivered", async || cache.health().owed == 0).await;
        hears(&cache).await;
    }
}

/// What servers say that do not speak RESP3: Redis before 6.0, Redis before 5.0, and proxies.
const NO_RESP3: [&str; 4] = [
    "ERR unknown command `HELLO`, with args beginning with: `3`, ",
    "ERR unknown command 'HELLO'",
    "NOPROTO unsupported protocol version",
    "NOPROTO sorry, this protocol version is not supported",
];

/// What they say of a command with options that they do not know.
const NO_OPTIONS: [&str; 4] = [
    "ERR syntax error",
    "ERR Syntax error",
    "ERR wrong number of arguments for 'set' command",
    "ERR unsupported arguments of `set`",
];

/// An empty server that forgets what it is told, and does not speak RESP3.
fn without_resp3(refusal: &'static str, no_options: &'static str) -> FakeRedis {
    FakeRedis::scripted(move |command| match command[0].to_ascii_uppercase().as_slice() {
        b"HELLO" => reply::error(refusal).into(),
        b"MGET" | b"EVAL" | b"PUBLISH" => forgets(command).into(),
        // Nor does it take `GET` beside `NX`.
        b"SET" => reply::error(no_options).into(),
        _ => tests::Reply::Default,
    })
}

/// What a server answers that has nothing and keeps nothing.
fn forgets(command: &[Vec<u8>]) -> Vec<u8> {
    match command[0].as_slice() {
        b"MGET" => reply::array(&vec![reply::nil(); command.len() - 1]),
        // A token or a stamp is taken; of the rest, nothing is there.
        b"EVAL" if String::from_utf8_lossy(&command[1]).contains("redis.pcall('GET'") => reply::bulk(&command[4]),
        _ => reply::integer(0),
    }
}

#[tokio::test]
async fn a_server_without_resp3_is_used_without_the_tier_and_told_of_once() {
    for (refusal, no_options) in NO_RESP3.into_iter().zip(NO_OPTIONS) {
        let server = without_resp3(refusal, no_options);
        let warnings = Warnings::collect();
        let cache = cache(server.url());
        let use_it = async || {
            assert_eq!(load(&cache, row(), 1).await, (1, Source::Loaded));
            assert_eq!(cache.get::<u64>(row()).await.expect("it answers"), None);
            cache.invalidate_tags(["rows"]).await.expect("it answers");
            cache.shutdown().await.expect("nothing is owed");
        };
        use_it().await;
        eventually("denied", async || is_denied(&cache)).await;
        // Longer than the pauses between dials of a server that is in trouble.
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_millis(400)).await;
            use_it().await;
        }
        assert_eq!(warnings.so_far().len(), 1, "{refusal}: {:#?}", warnings.so_far());
        let asked = |word| server.commands().iter().filter(|command| command.starts_with(word)).count();
        assert_eq!(asked("HELLO"), 1, "{refusal}");
        // For the entry and its tag, once.
        assert_eq!(asked("SET "), 2, "{refusal}");
        let (health, direct) = (cache.health(), cache.stats().direct);
        assert!(health.available && health.last_error.is_none() && health.owed == 0, "{refusal}: {health:?}");
        assert_eq!((direct.refusals, direct.disconnects, direct.timeouts, direct.fail_open), (0, 0, 0, 0), "{refusal}");
    }
}

#[tokio::test]
async fn without_hello_all_is_kept_in_redis_and_what_is_invalidated_is_void() {
    let server = RedisServer::with_args(&["--rename-command", "HELLO", ""]);
    let (here, there) = (cache(server.url()), cache(server.url()));
    works(&here, &there, Source::Redis).await;
    do_everything(&here).await;
    assert!(is_denied(&here) && is_denied(&there));
    assert_eq!(here.stats().direct.refusals, 0);
}

#[tokio::test]
async fn a_channel_that_is_permitted_later_is_used() {
    let server = RedisServer::start();
    set_user(&server, permissions().filter(|&kept| kept != "+publish"));
    let cache = as_user(&server);
    cache.invalidate_tags(["rows"]).await.expect("it is removed");
    assert!(is_denied(&cache));
    set_user(&server, permissions());
    cache.invalidate_tags(["rows"]).await.expect("it is removed");
    becomes(&cache, "it is a hit", async || load(&cache, row(), 1).await == (1, Source::Local)).await;
    assert!(!is_denied(&cache));
}
