//! What a cache needs to speak to a server: certificates, permissions, a database, a socket. Where something is
//! missing, `health()` says what, and functions run.

use std::convert::Infallible;
use std::time::Duration;

use cache_runtime::{Cache, CacheBuilder, Key, Source, invalidates, observe};
use tests::{Proxy, RedisCluster, RedisServer, TlsServer};

const TTL: Duration = Duration::from_secs(60);

fn builder(url: impl Into<String>) -> CacheBuilder {
    Cache::builder().namespace("topo").redis(url).budget(Duration::from_millis(500))
}

fn cache(url: impl Into<String>) -> Cache {
    builder(url).build().expect("in order")
}

async fn eventually(cache: &Cache, what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..4_000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("not within 20 s: {what}: {:?} {:?}", cache.health(), cache.stats().total());
}

async fn load(cache: &Cache, key: impl Into<Key>, value: u64) -> (u64, Source) {
    let (value, seen) = observe(cache.get_or_load(key, TTL, || async { Ok::<_, Infallible>(value) })).await;
    (value.expect("the loader does not fail, and the cache's trouble is not the caller's"), seen.source)
}

fn row() -> Key {
    Key::new("row").tag("rows")
}

/// A cache fills, hits, and hears what another one invalidates.
async fn works(here: &Cache, there: &Cache, source: Source) {
    eventually(here, "it is a hit", async || load(here, row(), 1).await == (1, source)).await;
    eventually(there, "it is a hit", async || load(there, row(), 1).await == (1, source)).await;
    here.invalidate_tags(["rows"]).await.expect("it is there");
    assert_eq!(load(here, row(), 2).await, (2, Source::Loaded));
    eventually(there, "it hears of it", async || load(there, row(), 2).await.0 == 2).await;
    here.remove([row()]).await.expect("it is there");
    assert!(here.health().available && here.health().last_error.is_none(), "{:?}", here.health());
}

/// Functions run, and the trouble has a name.
async fn is_told(cache: &Cache, expected: &[&str]) {
    for n in 0..3 {
        assert_eq!(load(cache, row(), n).await, (n, Source::Bypassed));
    }
    let mut told = None;
    eventually(cache, "the trouble is named", async || {
        load(cache, row(), 0).await;
        let health = cache.health();
        told = health.last_error.filter(|_| !health.available);
        told.is_some()
    })
    .await;
    let told = told.expect("it is").to_lowercase();
    assert!(expected.iter().any(|word| told.contains(word)), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
}

#[tokio::test]
async fn tls_is_spoken_on_every_connection() {
    let server = TlsServer::start();
    let trusting = || builder(server.url()).tls_root(server.ca_pem()).build().expect("in order");
    works(&trusting(), &trusting(), Source::Local).await;
    let proxied = Proxy::start(server.port());
    let url = proxied.url().replace("redis://127.0.0.1", "rediss://localhost");
    let here = builder(url).tls_root(server.ca_pem()).build().expect("in order");
    works(&here, &trusting(), Source::Local).await;
    assert!(proxied.connections() >= 2, "one for data and one to listen");

    is_told(&cache(server.url()), &["certificate"]).await;
    is_told(&cache(server.url().replace("rediss://", "redis://")), &["server", "connection", "multiplexed"]).await;
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_it_is_asked_for() {
    let server = TlsServer::demanding_certificates();
    let (certificate, key) = server.client_pem();
    let shown = || {
        let builder = builder(server.url()).tls_root(server.ca_pem());
        builder.tls_client(certificate.clone(), key.clone()).build().expect("in order")
    };
    works(&shown(), &shown(), Source::Local).await;
    is_told(&builder(server.url()).tls_root(server.ca_pem()).build().expect("in order"), &["certificate"]).await;
}

#[tokio::test]
async fn a_database_of_its_own_and_a_socket() {
    let server = RedisServer::start();
    let numbered = || cache(format!("{}/3", server.url()));
    works(&numbered(), &numbered(), Source::Local).await;
    load(&numbered(), "kept", 7).await;
    let other = numbered();
    eventually(&other, "it is stored", async || other.get::<u64>("kept").await.expect("up") == Some(7)).await;
    assert_eq!(server.keys(), Vec::<String>::new(), "nothing is in database 0");

    let socket = cache(server.unix_url());
    assert_eq!(socket.get::<u64>("kept").await.expect("up"), None);
    works(&socket, &cache(server.unix_url()), Source::Local).await;
    works(&socket, &cache(server.url()), Source::Local).await;
    let numbered = cache(format!("{}?db=3", server.unix_url()));
    assert_eq!(numbered.get::<u64>("kept").await.expect("up"), Some(7));

    // The bus is one for all databases: what is told in one voids no more than itself in the others.
    socket.put("kept", &8u64, TTL).await.expect("up");
    assert_eq!(numbered.get::<u64>("kept").await.expect("up"), Some(7));
    socket.clear().await.expect("up");
    assert_eq!(numbered.get::<u64>("kept").await.expect("up"), Some(7));
}

/// What the guide lists.
const DATA: [&str; 6] = ["+mget", "+eval", "+get", "+set", "+getrange", "+unlink"];
const TAGS_AND_FENCES: [&str; 3] = ["+strlen", "+pexpire", "+time"];
const METHODS: [&str; 3] = ["+pttl", "+scan", "+ping"];
const NEWS: [&str; 4] = ["&topo:bus", "+publish", "+subscribe", "+info"];
const CLUSTER: [&str; 2] = ["+cluster|slots", "+asking"];

fn permissions() -> impl Iterator<Item = &'static str> {
    DATA.into_iter().chain(TAGS_AND_FENCES).chain(METHODS).chain(NEWS)
}

fn set_user<'a>(server: &RedisServer, permissions: impl IntoIterator<Item = &'a str>) {
    let rights = ["ACL", "SETUSER", "app", "reset", "on", ">hunter2", "~topo:*", "resetchannels"];
    server.command(&rights.into_iter().chain(permissions).collect::<Vec<_>>());
    server.command(&["ACL", "LOG", "RESET"]);
}

fn as_user(server: &RedisServer) -> Cache {
    cache(server.url().replace("redis://", "redis://app:hunter2@"))
}

/// What was refused, if anything was. Introducing itself is a client's courtesy, and nobody minds if it is refused.
fn refused(server: &RedisServer) -> Vec<String> {
    let log: Vec<std::collections::HashMap<String, redis::Value>> = server.query(&["ACL", "LOG"]);
    let objects = log.iter().filter_map(|entry| redis::from_redis_value_ref(&entry["object"]).ok());
    objects.filter(|object: &String| !object.starts_with("client")).collect()
}

#[invalidates(tags = ["rows"], fence)]
async fn change_rows() {}

/// Everything that a cache can do, whatever it answers.
async fn do_everything(cache: &Cache) {
    for _ in 0..10 {
        load(cache, row(), 1).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let _ = cache.put(row(), &1u64, TTL).await;
    let _ = cache.get::<u64>(row()).await;
    let _ = cache.ttl(row()).await;
    let _ = cache.touch(row(), TTL).await;
    cache.scope(change_rows()).await;
    let _ = cache.get_many::<u64>([row(), Key::new("other")]).await;
    let _ = cache.remove([row()]).await;
    let _ = cache.invalidate_tags(["rows"]).await;
    let _ = cache.remove_matching("r*").await;
    let _ = cache.clear().await;
    let _ = cache.ping().await;
}

/// Among some hundred fills there is one that renews the stamps of its tags.
async fn renew(cache: &Cache) {
    for n in 0..400 {
        load(cache, Key::new(format!("renewed:{n}")).tag("rows"), n).await;
    }
    let _ = cache.shutdown().await;
}

#[tokio::test]
async fn the_permissions_in_the_guide_are_enough_and_each_is_needed() {
    let server = RedisServer::start();
    set_user(&server, permissions());
    let cache = as_user(&server);
    works(&cache, &as_user(&server), Source::Local).await;
    do_everything(&cache).await;
    renew(&cache).await;
    assert_eq!(refused(&server), Vec::<String>::new());
    let counts = cache.stats().direct;
    assert_eq!((counts.refusals, counts.timeouts, counts.disconnects), (0, 0, 0), "{counts:?}");
    assert_eq!(
        (cache.health().history_guard, cache.health().local.map(|local| local.denied)),
        (Some(true), Some(false))
    );

    for missing in permissions() {
        set_user(&server, permissions().filter(|&kept| kept != missing));
        // Another one each time: a cache in trouble asks no more.
        for _ in 0..10 {
            let cache = as_user(&server);
            do_everything(&cache).await;
            if ["+strlen", "+pexpire"].contains(&missing) {
                renew(&cache).await;
            }
            if !refused(&server).is_empty() {
                break;
            }
        }
        assert!(!refused(&server).is_empty(), "{missing} is not needed");
    }
}

#[tokio::test]
async fn a_database_number_takes_one_more() {
    let server = RedisServer::start();
    let url = server.url().replace("redis://", "redis://app:hunter2@") + "/3";
    set_user(&server, permissions());
    is_told(&cache(url.clone()), &["select", "permission", "database"]).await;
    set_user(&server, permissions().chain(["+select"]));
    works(&cache(url.clone()), &cache(url), Source::Local).await;
}

#[tokio::test]
async fn in_a_cluster_two_more_are_needed() {
    let cluster = RedisCluster::start(2, 0);
    for node in 0..2 {
        set_user(cluster.node(node), permissions().chain(CLUSTER));
    }
    let url = cluster.url().replace("redis://", "redis+cluster://app:hunter2@");
    let (here, there) = (cache(url.clone()), cache(url));
    works(&here, &there, Source::Local).await;
    let slot = cluster.slot("topo:e:row");
    cluster.begin_move(slot, 1 - cluster.owner_of(slot));
    here.remove([row()]).await.expect("up");
    eventually(&here, "it is stored where it is on its way to", async || {
        load(&here, row(), 3).await.1 == Source::Redis
    })
    .await;
    do_everything(&here).await;
    assert!((0..2).all(|node| refused(cluster.node(node)).is_empty()));
    cluster.finish_move(slot, 1 - cluster.owner_of(slot));
    works(&here, &there, Source::Local).await;
}

#[tokio::test]
async fn a_wrong_password_is_told_and_not_shown() {
    let server = RedisServer::start();
    set_user(&server, permissions());
    is_told(&cache(server.url().replace("redis://", "redis://app:hunter2x@")), &["wrongpass", "password"]).await;
    set_user(&server, ["+ping"]);
    is_told(&as_user(&server), &["noperm", "permission"]).await;
}

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
async fn a_channel_that_is_permitted_later_is_used() {
    let server = RedisServer::start();
    set_user(&server, permissions().filter(|&kept| kept != "+publish"));
    let cache = as_user(&server);
    cache.invalidate_tags(["rows"]).await.expect("it is removed");
    assert!(cache.health().local.expect("it was asked for").denied);
    set_user(&server, permissions());
    cache.invalidate_tags(["rows"]).await.expect("it is removed");
    eventually(&cache, "it is a hit", async || load(&cache, row(), 1).await == (1, Source::Local)).await;
    assert!(!cache.health().local.expect("it was asked for").denied);
}

#[tokio::test]
async fn a_history_that_is_hidden_is_done_without() {
    let server = RedisServer::start();
    set_user(&server, permissions().filter(|&kept| kept != "+info"));
    let (here, there) = (as_user(&server), as_user(&server));
    works(&here, &there, Source::Local).await;
    assert_eq!(here.health().history_guard, Some(false));
    // An end of the connections is noticed by the channel, too.
    server.command(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    server.command(&["CLIENT", "KILL", "TYPE", "normal"]);
    eventually(&here, "it is back", async || here.ping().await.is_ok()).await;
    works(&here, &there, Source::Local).await;
}

#[tokio::test]
async fn an_idle_process_does_not_dial_again_and_again() {
    let mut server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let cache = cache(proxy.url());
    works(&cache, &cache, Source::Local).await;
    server.restart();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = proxy.connections();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let dialed = proxy.connections() - before;
    assert!(dialed < 20, "{dialed} times in two seconds");
    works(&cache, &cache, Source::Local).await;
}
