//! What a cache needs to speak to a server: certificates, permissions, a database, a socket. Where something is
//! missing, `health()` says what, and functions run.

mod steps;

use std::time::Duration;

use cache_runtime::{Cache, CacheBuilder, Key, Source, invalidates};
use steps::warnings::Warnings;
use steps::{TTL, answers, becomes, epoch, is_denied, load, patient};
use tests::{FakeRedis, Proxy, RedisCluster, RedisServer, TlsServer, eventually, reply};

fn builder(url: impl Into<String>) -> CacheBuilder {
    patient("topo", url)
}

fn cache(url: impl Into<String>) -> Cache {
    builder(url).build().expect("in order")
}

fn row() -> Key {
    Key::new("row").tag("rows")
}

/// A cache fills, hits, and hears what another one invalidates.
async fn works(here: &Cache, there: &Cache, source: Source) {
    becomes(here, "it is a hit", async || load(here, row(), 1).await == (1, source)).await;
    becomes(there, "it is a hit", async || load(there, row(), 1).await == (1, source)).await;
    here.invalidate_tags(["rows"]).await.expect("it is there");
    assert_eq!(load(here, row(), 2).await, (2, Source::Loaded));
    becomes(there, "it hears of it", async || load(there, row(), 2).await.0 == 2).await;
    here.remove([row()]).await.expect("it is there");
    assert!(here.health().available && here.health().last_error.is_none(), "{:?}", here.health());
}

/// Functions run, and the trouble has a name.
async fn is_told(cache: &Cache, expected: &[&str]) {
    for n in 0..3 {
        assert_eq!(load(cache, row(), n).await, (n, Source::Bypassed));
    }
    let mut told = None;
    becomes(cache, "the trouble is named", async || {
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
async fn tls_is_spoken_to_the_nodes_of_a_cluster_and_to_sentinels() {
    let node = TlsServer::cluster();
    let url = format!("rediss+cluster://localhost:{}", node.port());
    let trusting = || builder(&url).tls_root(node.ca_pem()).build().expect("in order");
    works(&trusting(), &trusting(), Source::Local).await;
    assert_eq!(masters_of(&trusting()).await, [format!("127.0.0.1:{}", node.port())], "as the node says");
    is_told(&cache(&url), &["certificate"]).await;

    let server = TlsServer::start();
    let sentinel = server.sentinel("mymaster");
    let url = format!("rediss+sentinel://localhost:{}/mymaster", sentinel.port());
    let trusting = || builder(&url).tls_root(server.ca_pem()).build().expect("in order");
    works(&trusting(), &trusting(), Source::Local).await;
    assert_eq!(masters_of(&trusting()).await, [format!("127.0.0.1:{}", server.port())], "as the Sentinel says");
    is_told(&cache(&url), &["certificate"]).await;
    is_told(&cache(url.replace("rediss+", "redis+")), &["server", "connection", "multiplexed"]).await;
}

async fn masters_of(cache: &Cache) -> Vec<String> {
    answers(cache).await;
    cache.health().masters
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
    becomes(&other, "it is stored", async || other.get::<u64>("kept").await.expect("up") == Some(7)).await;
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
    becomes(&here, "it is stored where it is on its way to", async || load(&here, row(), 3).await.1 == Source::Redis)
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

/// What servers say that do not speak RESP3: Redis before 6.0, Redis before 5.0, and proxies.
const NO_RESP3: [&str; 4] = [
    "ERR unknown command `HELLO`, with args beginning with: `3`, ",
    "ERR unknown command 'HELLO'",
    "NOPROTO unsupported protocol version",
    "NOPROTO sorry, this protocol version is not supported",
];

/// An empty server that forgets what it is told, and does not speak RESP3.
fn without_resp3(refusal: &'static str) -> FakeRedis {
    FakeRedis::scripted(move |command| match command[0].to_ascii_uppercase().as_slice() {
        b"HELLO" => reply::error(refusal).into(),
        b"MGET" => reply::array(&vec![reply::nil(); command.len() - 1]).into(),
        // A token or a stamp is taken; of the rest, nothing is there.
        b"EVAL" if String::from_utf8_lossy(&command[1]).contains("redis.pcall('GET'") => {
            reply::bulk(&command[4]).into()
        }
        b"EVAL" | b"PUBLISH" => reply::integer(0).into(),
        _ => tests::Reply::Default,
    })
}

#[tokio::test]
async fn a_server_without_resp3_is_used_without_the_tier_and_told_of_once() {
    for refusal in NO_RESP3 {
        let server = without_resp3(refusal);
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
        let asked = server.commands().iter().filter(|command| command.starts_with("HELLO")).count();
        assert_eq!(asked, 1, "{refusal}");
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

#[tokio::test]
async fn a_history_that_is_hidden_is_done_without() {
    let server = RedisServer::start();
    set_user(&server, permissions().filter(|&kept| kept != "+info"));
    let (here, there) = (as_user(&server), as_user(&server));
    works(&here, &there, Source::Local).await;
    assert_eq!(here.health().history_guard, Some(false));
    // Who dials a data connection anew may have another server before him: the channel is dialed anew as well.
    let before = epoch(&here);
    server.command(&["CLIENT", "KILL", "TYPE", "normal"]);
    becomes(&here, "it is back", async || here.ping().await.is_ok()).await;
    becomes(&here, "what was kept before is void", async || epoch(&here) > before).await;
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
