//! Over Sentinels: whoever they call the master is used, and nobody else.

mod steps;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use cache_runtime::{Cache, CacheBuilder, Source};
use steps::rows::Rows;
use steps::{alone, becomes, epoch, load, patient};
use tests::{FakeRedis, Mode, Proxy, RedisServer, Reply, Sentinels, reply};

/// A lease that no pause of the machine outlasts: without a reason, no epoch changes.
const LONG: Duration = Duration::from_secs(20);

fn builder(url: impl Into<String>) -> CacheBuilder {
    patient("topo", url).lease(LONG)
}

async fn plain(url: impl Into<String>) -> Cache {
    alone(builder(url)).await
}

fn tiered(url: impl Into<String>) -> Cache {
    builder(url).build().expect("in order")
}

/// How often a server was asked for values, and by how many caches it is listened to.
fn used(server: &RedisServer) -> (u64, usize) {
    // Not PUBLISH, which comes from its master as well.
    let asked = server.calls_of(&["mget", "eval"]);
    let clients: String = server.query(&["CLIENT", "LIST", "TYPE", "pubsub"]);
    (asked, clients.lines().filter(|client| client.contains("resp=3")).count())
}

#[tokio::test]
async fn whoever_the_sentinels_name_is_used_and_who_was_deposed_is_not() {
    let mut group = Sentinels::start(1);
    let (plain, here, there) = (plain(group.url()).await, tiered(group.url()), tiered(group.url()));
    let all = [&plain, &here, &there];
    let row = Rows::one();
    row.become_hits(&plain, Source::Redis).await;
    row.become_hits(&here, Source::Local).await;
    row.become_hits(&there, Source::Local).await;
    row.stay_fresh(&here, &[&plain, &here]).await;
    row.are_told(&there).await;
    assert_eq!(plain.health().history_guard, Some(true));

    let mut opened = 0;
    for _ in 0..2 {
        let dead = group.master();
        row.become_hits(&plain, Source::Redis).await;
        group.wait_in_step();
        group.kill(dead);
        // Nobody is there: it costs nobody an error, and what cannot be told is owed.
        row.change();
        plain.invalidate_tags(["own:0"]).await.expect_err("the master is dead");
        assert_eq!(plain.health().owed, 1);
        assert_eq!(row.read(&plain, 0).await.0, row.now(0), "owed, so not served");

        group.wait_master_changes_from(dead);
        are_used(&all, &group).await;
        let before = std::mem::replace(&mut opened, plain.stats().breaker_opened);
        assert!(opened > before, "a dead master's breaker counts on: {opened} after {before}");
        // It has the value of before, which is of another history.
        assert_eq!(row.read(&there, 0).await.0, row.now(0));
        plain.shutdown().await.expect("delivered to the new master");
        row.become_hits(&plain, Source::Redis).await;
        row.become_hits(&here, Source::Local).await;

        // Sentinels may change their minds while it comes back.
        group.restart(dead);
        group.wait_ok();
        are_used(&all, &group).await;
        is_left_alone(group.node(1 - group.master()), &row, &all).await;
        assert!(used(group.node(group.master())).0 > 0);
    }
}

/// Waits until all use the Sentinels' master.
async fn are_used(caches: &[&Cache], group: &Sentinels) {
    for cache in caches {
        becomes(cache, "the new master is used", async || {
            let master = group.urls()[group.master()].trim_start_matches("redis://").to_owned();
            cache.health().masters == [master] && cache.ping().await.is_ok()
        })
        .await;
    }
}

/// Whatever the caches do, who was deposed is not spoken to; nothing stale is served, and nothing else happens.
async fn is_left_alone(deposed: &RedisServer, row: &Rows, caches: &[&Cache; 3]) {
    let [plain, here, there] = caches;
    deposed.command(&["CONFIG", "RESETSTAT"]);
    row.stay_fresh(plain, &[plain, plain]).await;
    row.stay_fresh(here, &[plain, here]).await;
    row.become_hits(there, Source::Local).await;
    row.become_hits(here, Source::Local).await;
    let before = [epoch(here), epoch(there)];
    // Longer than the second between two looks at the Sentinels.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!([epoch(here), epoch(there)], before, "nothing happened");
    row.stay_fresh(here, &[plain, here]).await;
    assert_eq!(used(deposed), (0, 0), "who was deposed is not spoken to");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_is_demoted_while_it_lives_is_left_by_all_who_are_connected_to_it() {
    let group = Sentinels::start(1);
    let (plain, here, there) = (plain(group.url()).await, tiered(group.url()), tiered(group.url()));
    let all = [&plain, &here, &there];
    let row = Rows::one();
    for _ in 0..2 {
        let old = group.master();
        row.become_hits(&plain, Source::Redis).await;
        row.become_hits(&here, Source::Local).await;
        row.become_hits(&there, Source::Local).await;
        assert_eq!(used(group.node(old)).1, 2, "both listen there");
        group.wait_in_step();
        // All go on to call meanwhile, and none of them meets an error.
        let over = AtomicBool::new(false);
        let calls = async {
            while !over.load(SeqCst) {
                for cache in all {
                    assert_eq!(row.read(cache, 0).await.0, row.now(0));
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let replaced = async {
            let new = tokio::task::block_in_place(|| group.failover());
            over.store(true, SeqCst);
            new
        };
        let (new, ()) = tokio::join!(replaced, calls);
        assert_ne!(new, old);
        are_used(&all, &group).await;
        is_left_alone(group.node(old), &row, &all).await;
        row.become_hits(&here, Source::Local).await;
    }
}

#[tokio::test]
async fn a_name_that_no_sentinel_knows_is_named() {
    let group = Sentinels::start(0);
    let cache = tiered(group.url().replace(group.name(), "nobody"));
    for _ in 0..5 {
        assert_eq!(load(&cache, "row", 1).await, (1, Source::Bypassed));
    }
    // A look that takes too long tells something else.
    becomes(&cache, "it is named", async || {
        load(&cache, "row", 1).await;
        cache.health().last_error.as_deref() == Some("no Sentinel knows a master called `nobody`")
    })
    .await;
    let health = cache.health();
    assert!(!health.available && health.masters.is_empty(), "{health:?}");
}

#[tokio::test]
async fn sentinels_have_users_of_their_own() {
    let group = Sentinels::start(0);
    for at in 0..3 {
        let user =
            ["ACL", "SETUSER", "watch", "on", ">hunter3", "+sentinel|master", "+sentinel|get-master-addr-by-name"];
        group.sentinel(at).command(&user);
    }
    group.node(0).command(&["ACL", "SETUSER", "app", "on", ">hunter2", "~topo:*", "&topo:bus", "+@all"]);
    let url = group.url().replace("//", "//app:hunter2@") + "?sentinel_username=watch&sentinel_password=hunter3";
    let cache = tiered(url);
    let row = Rows::one();
    row.become_hits(&cache, Source::Local).await;
    row.stay_fresh(&cache, &[&cache]).await;
    let users: String = group.node(0).query(&["CLIENT", "LIST"]);
    assert!(users.contains("user=app"), "{users}");
    let users: String = group.sentinel(0).query(&["CLIENT", "LIST"]);
    assert!(users.contains("user=watch"), "{users}");
}

#[tokio::test]
async fn sentinels_that_are_down_at_the_start_are_found_later() {
    let mut group = Sentinels::start(0);
    (0..3).for_each(|at| group.kill_sentinel(at));
    let cache = tiered(group.url());
    let row = Rows::one();
    for _ in 0..20 {
        assert_eq!(row.read(&cache, 0).await, (0, Source::Bypassed));
    }
    let health = cache.health();
    assert!(!health.available && health.last_error.is_some(), "{health:?}");
    // One of them is enough.
    group.restart_sentinel(1);
    row.become_hits(&cache, Source::Local).await;
    row.stay_fresh(&cache, &[&cache]).await;
    assert_eq!(cache.health().last_error, None);
    // The master is known by now, and is used without them.
    group.kill_sentinel(1);
    row.stay_fresh(&cache, &[&cache]).await;
    row.become_hits(&cache, Source::Local).await;
}

/// A Sentinel that names whom it is told to: each time it is asked, by his port.
fn sentinel(named: impl Fn() -> u16 + Send + Sync + 'static) -> FakeRedis {
    FakeRedis::start(move |command| match command[1].to_ascii_uppercase().as_slice() {
        b"MASTER" => Reply::from(reply::array(&[reply::bulk("config-epoch"), reply::bulk("1")])),
        b"GET-MASTER-ADDR-BY-NAME" => {
            reply::array(&[reply::bulk("127.0.0.1"), reply::bulk(named().to_string())]).into()
        }
        _ => Reply::Default,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_was_replaced_is_not_used_when_it_comes_back_before_it_was_demoted() {
    for local in [false, true] {
        let (mut old, new) = (RedisServer::start(), RedisServer::start());
        let gate = Arc::new(Proxy::start(old.port()));
        // Whom the cache was told last is the old one: the Sentinel hears of the new one only when the old one is back
        // and was dialed.
        let dialed_before = Arc::new(AtomicU64::new(u64::MAX));
        let sentinel = sentinel({
            let (gate, dialed_before, new) = (Arc::clone(&gate), Arc::clone(&dialed_before), new.port());
            move || if gate.connections() > dialed_before.load(SeqCst) { new } else { gate.port() }
        });
        let cache = builder(format!("redis+sentinel://127.0.0.1:{}/any", sentinel.port()));
        let cache = cache.local_tier(local).build().expect("in order");
        let source = if local { Source::Local } else { Source::Redis };
        let row = Rows::one();
        row.become_hits(&cache, source).await;
        old.kill();
        gate.set(Mode::Refuse);
        gate.kill_connections();
        becomes(&cache, "it is missed", async || row.read(&cache, 0).await.1 == Source::Bypassed).await;
        old.restart();
        dialed_before.store(gate.connections(), SeqCst);
        gate.set(Mode::Pass);
        // By one who knows, and whom nobody hears who uses the old one.
        let other = plain(new.url()).await;
        // What is kept in process is told a moment later.
        let at_once: &[&Cache] = if local { &[] } else { &[&cache] };
        becomes(&cache, "the new one is used", async || {
            row.stay_fresh(&other, at_once).await;
            row.read(&cache, 0).await;
            cache.health().masters == [format!("127.0.0.1:{}", new.port())]
        })
        .await;
        assert!(gate.connections() > dialed_before.load(SeqCst), "the old one was dialed");
        assert_eq!(used(&old).0, 0, "and not asked");
        row.are_told(&cache).await;
        row.become_hits(&cache, source).await;
    }
}
