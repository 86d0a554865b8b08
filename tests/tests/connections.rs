//! What a cache needs to speak to a server: certificates, permissions, a database, a socket. Where something is
//! missing, `health()` says what, and functions run.

mod steps;

use std::time::Duration;

use cache_runtime::{Cache, Key, Source};
use steps::users::{CLUSTER, as_user, builder, cache, do_everything, permissions, row, set_user, works};
use steps::{TTL, answers, becomes, epoch, load};
use tests::{Proxy, RedisCluster, RedisServer, TlsServer};

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

/// What was refused, if anything was. Introducing itself is a client's courtesy, and nobody minds if it is refused.
fn refused(server: &RedisServer) -> Vec<String> {
    let log: Vec<std::collections::HashMap<String, redis::Value>> = server.query(&["ACL", "LOG"]);
    let objects = log.iter().filter_map(|entry| redis::from_redis_value_ref(&entry["object"]).ok());
    objects.filter(|object: &String| !object.starts_with("client")).collect()
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
    // The server is asked, whatever is kept in process.
    becomes(&here, "it is stored where it is on its way to", async || {
        load(&here, row(), 3).await;
        here.get_many::<u64>([row()]).await.expect("up") == [Some(3)]
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
