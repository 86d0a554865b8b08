//! Over Sentinels: whoever they call the master is used, and nobody else.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use cache_runtime::{Cache, Key, Source, observe};
use tests::{RedisServer, Sentinels};

const TTL: Duration = Duration::from_secs(60);

fn cache(url: impl Into<String>, local: bool) -> Cache {
    let builder = Cache::builder().namespace("topo").redis(url).budget(Duration::from_millis(500));
    builder.local_tier(local).build().expect("in order")
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

#[derive(Default)]
struct Row(AtomicU64);

impl Row {
    async fn read(&self, cache: &Cache) -> (u64, Source) {
        let key = Key::new("row").tag("rows").tag("all");
        let (value, seen) =
            observe(cache.get_or_load(key, TTL, || async { Ok::<_, Infallible>(self.0.load(SeqCst)) })).await;
        (value.expect("the loader does not fail"), seen.source)
    }

    async fn becomes_a_hit(&self, cache: &Cache, source: Source) {
        eventually(cache, "it is a hit", async || self.read(cache).await == (self.0.load(SeqCst), source)).await;
    }

    async fn stays_fresh(&self, by: &Cache, readers: &[&Cache]) {
        for tag in ["rows", "all"] {
            let version = self.0.fetch_add(1, SeqCst) + 1;
            by.invalidate_tags([tag])
                .await
                .unwrap_or_else(|error| panic!("the master is there: {error:?} {:?}", by.health()));
            for reader in readers {
                assert_eq!(self.read(reader).await.0, version);
            }
        }
    }
}

/// How often a server was asked for values, and by how many connections it is listened to.
fn used(server: &RedisServer) -> (u64, usize) {
    let stats: String = server.query(&["INFO", "commandstats"]);
    let calls = |line: &str| line.split_once("calls=")?.1.split_once(',')?.0.parse::<u64>().ok();
    // Not PUBLISH, which comes from its master as well.
    let ours = ["cmdstat_mget:", "cmdstat_eval:"];
    let asked = stats.lines().filter(|line| ours.iter().any(|ours| line.starts_with(ours))).filter_map(calls).sum();
    let clients: String = server.query(&["CLIENT", "LIST", "TYPE", "pubsub"]);
    (asked, clients.lines().filter(|client| client.contains("resp=3")).count())
}

#[tokio::test]
async fn whoever_the_sentinels_name_is_used_and_who_was_deposed_is_not() {
    let mut group = Sentinels::start(1);
    let (plain, here, there) = (cache(group.url(), false), cache(group.url(), true), cache(group.url(), true));
    let all = [&plain, &here, &there];
    let row = Row::default();
    row.becomes_a_hit(&plain, Source::Redis).await;
    row.becomes_a_hit(&here, Source::Local).await;
    row.becomes_a_hit(&there, Source::Local).await;
    row.stays_fresh(&here, &[&plain, &here]).await;
    let version = row.0.load(SeqCst);
    eventually(&there, "it hears of it", async || row.read(&there).await.0 == version).await;
    assert_eq!(plain.health().history_guard, Some(true));

    for _ in 0..2 {
        let (dead, version) = (group.master(), row.0.load(SeqCst));
        row.becomes_a_hit(&plain, Source::Redis).await;
        group.wait_in_step();
        group.kill(dead);
        // Nobody is there: it costs nobody an error, and what cannot be told is owed.
        row.0.store(version + 1, SeqCst);
        plain.invalidate_tags(["rows"]).await.expect_err("the master is dead");
        assert_eq!(plain.health().owed, 1);
        assert_eq!(row.read(&plain).await.0, version + 1, "owed, so not served");

        group.wait_master_changes_from(dead);
        are_used(&all, &group).await;
        // It has the value of before, which is of another history.
        assert_eq!(row.read(&there).await.0, version + 1);
        plain.shutdown().await.expect("delivered to the new master");
        row.becomes_a_hit(&plain, Source::Redis).await;
        row.becomes_a_hit(&here, Source::Local).await;

        // Sentinels may change their minds while it comes back.
        group.restart(dead);
        group.wait_ok();
        are_used(&all, &group).await;
        let (master, deposed) = (group.master(), 1 - group.master());
        group.node(deposed).command(&["CONFIG", "RESETSTAT"]);
        row.stays_fresh(&plain, &[&plain, &plain]).await;
        row.stays_fresh(&here, &[&plain, &here]).await;
        row.becomes_a_hit(&there, Source::Local).await;
        let epochs = || all.map(|cache| cache.health().local.map(|local| local.epoch));
        let before = epochs();
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert_eq!(epochs(), before, "nothing happened");
        assert_eq!(used(group.node(deposed)), (0, 0), "who was deposed is not spoken to");
        assert!(used(group.node(master)).0 > 0);
    }
}

/// Waits until all use the Sentinels' master.
async fn are_used(caches: &[&Cache], group: &Sentinels) {
    for cache in caches {
        eventually(cache, "the new master is used", async || {
            let master = group.urls()[group.master()].trim_start_matches("redis://").to_owned();
            cache.health().masters == [master] && cache.ping().await.is_ok()
        })
        .await;
    }
}

#[tokio::test]
async fn a_name_that_no_sentinel_knows_is_named() {
    let group = Sentinels::start(0);
    let cache = cache(group.url().replace(group.name(), "nobody"), true);
    let row = Row::default();
    for _ in 0..5 {
        assert_eq!(row.read(&cache).await, (0, Source::Bypassed));
    }
    let health = cache.health();
    assert_eq!(health.last_error.as_deref(), Some("no Sentinel knows a master called `nobody`"), "{health:?}");
    assert!(!health.available && health.masters.is_empty());
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
    let cache = cache(url, true);
    let row = Row::default();
    row.becomes_a_hit(&cache, Source::Local).await;
    row.stays_fresh(&cache, &[&cache]).await;
    let users: String = group.node(0).query(&["CLIENT", "LIST"]);
    assert!(users.contains("user=app"), "{users}");
    let users: String = group.sentinel(0).query(&["CLIENT", "LIST"]);
    assert!(users.contains("user=watch"), "{users}");
}

#[tokio::test]
async fn sentinels_that_are_down_at_the_start_are_found_later() {
    let mut group = Sentinels::start(0);
    (0..3).for_each(|at| group.kill_sentinel(at));
    let cache = cache(group.url(), true);
    let row = Row::default();
    for _ in 0..20 {
        let (value, seen) = observe(cache.get_or_load("row", TTL, || async { Ok::<_, Infallible>(1) })).await;
        assert_eq!((value.expect("the loader does not fail"), seen.fail_open), (1, true));
    }
    let health = cache.health();
    assert!(!health.available && health.last_error.is_some(), "{health:?}");
    // One of them is enough.
    group.restart_sentinel(1);
    row.becomes_a_hit(&cache, Source::Local).await;
    row.stays_fresh(&cache, &[&cache]).await;
    assert_eq!(cache.health().last_error, None);
    // The master is known by now, and is used without them.
    group.kill_sentinel(1);
    row.stays_fresh(&cache, &[&cache]).await;
    row.becomes_a_hit(&cache, Source::Local).await;
}
