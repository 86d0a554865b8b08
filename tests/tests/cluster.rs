//! Over a Cluster: names at several masters, slots that move, masters that die and are replaced. Nothing stale is served,
//! and what goes wrong at one master is no trouble of the others.

mod steps;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use cache_runtime::{Cache, CacheBuilder, ErrorKind, Key, Source, cached, invalidates, observe};
use steps::rows::Rows;
use steps::{TTL, alone, becomes, epoch, load, patient};
use tests::RedisCluster;

fn builder(url: impl Into<String>) -> CacheBuilder {
    patient("topo", url)
}

/// Redis alone.
async fn plain(cluster: &RedisCluster) -> Cache {
    alone(builder(cluster.cache_url())).await
}

/// With the in-process tier.
fn tiered(cluster: &RedisCluster) -> Cache {
    builder(cluster.cache_url()).build().expect("in order")
}

#[tokio::test]
async fn names_at_different_masters_are_served_together() {
    let cluster = RedisCluster::start(3, 0);
    let cache = plain(&cluster).await;
    cache.ping().await.expect("up");
    let health = cache.health();
    assert_eq!((health.masters.len(), health.history_guard), (3, Some(true)), "{health:?}");

    let rows = Rows::spread(12);
    rows.become_hits(&cache, Source::Redis).await;
    assert!((0..3).all(|node| !cluster.node(node).keys().is_empty()), "every master has some");
    rows.stay_fresh(&cache, &[&cache, &plain(&cluster).await]).await;

    rows.become_hits(&cache, Source::Redis).await;
    cache.invalidate_tags(["third:1"]).await.expect("up");
    for row in 0..12 {
        let expected = if row % 3 == 1 { Source::Loaded } else { Source::Redis };
        assert_eq!(rows.read(&cache, row).await.1, expected, "row {row}");
    }
    rows.become_hits(&cache, Source::Redis).await;

    let neighbour = builder(cluster.cache_url()).namespace("other").build().expect("in order");
    neighbour.put("row:1", &7u64, TTL).await.expect("up");
    for n in 0..20u64 {
        cache.put(Key::new(format!("put:{n}")).tag(format!("own:{}", n % 3)), &n, TTL).await.expect("up");
    }
    let keys = || (0..22u64).map(|n| Key::new(format!("put:{n}")).tag(format!("own:{}", n % 3)));
    let expected: Vec<_> = (0..22u64).map(|n| (n < 20).then_some(n)).collect();
    assert_eq!(cache.get_many::<u64>(keys()).await.expect("up"), expected);
    assert_eq!(cache.remove(["put:0", "put:1", "put:2", "put:99"]).await.expect("up"), 3);
    assert!(!cache.exists(keys().next().expect("there are some")).await.expect("up"));
    let last = keys().nth(19).expect("there are some");
    assert!(cache.exists(last.clone()).await.expect("up"));
    assert!(cache.touch(last.clone(), TTL * 10).await.expect("up"));
    assert!(cache.ttl(last.clone()).await.expect("up").expect("it stands") > TTL);
    assert_eq!(cache.remove_matching("put:*").await.expect("up"), 17);
    assert!(!cache.exists(last).await.expect("up"));
    assert_eq!(rows.read(&cache, 0).await.1, Source::Redis, "it does not match");
    cache.clear().await.expect("up");
    let left: Vec<_> = (0..3).flat_map(|node| cluster.node(node).keys()).collect();
    assert_eq!(left, ["other:e:row:1"]);
    let total = cache.stats().direct;
    assert_eq!((total.timeouts, total.disconnects, total.refusals), (0, 0, 0), "{total:?}");
}

static NAME: AtomicU64 = AtomicU64::new(0);

#[cached(key = "name:{id}", ttl = "1m", tags = ["user:{id}", "users"])]
async fn name(id: u64) -> u64 {
    let _ = id;
    NAME.load(SeqCst)
}

#[cached(key = "card:{id}", ttl = "1m", tags = ["user:{id}"])]
async fn card(id: u64) -> String {
    format!("{id}/{}", NAME.load(SeqCst))
}

#[invalidates(tags = ["user:{id}"])]
async fn rename(id: u64, to: u64) {
    let _ = id;
    NAME.store(to, SeqCst);
}

#[invalidates(name(id))]
async fn rename_by_type(id: u64, to: u64) {
    let _ = id;
    NAME.store(to, SeqCst);
}

#[tokio::test]
async fn what_one_process_invalidates_is_void_in_the_others() {
    let cluster = RedisCluster::start(3, 0);
    let (here, there) = (tiered(&cluster), tiered(&cluster));
    for id in 0..9 {
        let to = 10 * id + 1;
        for cache in [&here, &there] {
            becomes(cache, "both are served from memory", async || {
                let (_, name) = cache.scope(observe(name(id))).await;
                let (_, card) = cache.scope(observe(card(id))).await;
                (name.source, card.source) == (Source::Local, Source::Local)
            })
            .await;
        }
        here.scope(rename(id, to)).await;
        assert_eq!(here.scope(name(id)).await, to, "one's own is void at once");
        assert_eq!(here.scope(card(id)).await, format!("{id}/{to}"));
        becomes(&there, "the other one hears of it", async || there.scope(card(id)).await == format!("{id}/{to}"))
            .await;
        becomes(&there, "the other one hears of it", async || there.scope(name(id)).await == to).await;
        here.scope(rename_by_type(id, to + 1)).await;
        assert_eq!(here.scope(name(id)).await, to + 1);
        becomes(&there, "the other one hears of it", async || there.scope(name(id)).await == to + 1).await;
    }
    let health = there.health().local.expect("it has one");
    assert!(!health.denied && health.lag.is_some(), "{health:?}");
}

#[tokio::test]
async fn a_slot_that_moves_takes_no_stale_value_along() {
    let cluster = RedisCluster::start(3, 0);
    let (here, there, local) = (plain(&cluster).await, plain(&cluster).await, tiered(&cluster));
    // Names of one slot: "{slot}:..", and one with tags at other masters.
    let keys = (0..4).map(|n| Key::new(format!("{{slot}}:{n}")).tag(format!("{{slot}}:tag:{n}")));
    let rows = Rows::new(keys.chain([Key::new("{slot}:x").tag("far:1").tag("far:2"), Key::new("{slot}:bare")]));
    let slot = cluster.slot("{slot}");
    for round in 0..2 {
        let (from, to) = (cluster.owner_of(slot), (cluster.owner_of(slot) + 1) % 3);
        rows.become_hits(&here, Source::Redis).await;
        rows.become_hits(&local, Source::Local).await;

        cluster.begin_move(slot, to);
        // All names are where they were.
        rows.become_hits(&there, Source::Redis).await;
        rows.stay_fresh(&here, &[&there]).await;
        // What was invalidated is stored at the other master now, and some of its names are still at this one.
        rows.become_hits(&here, Source::Redis).await;
        rows.stay_fresh(&there, &[&here, &there]).await;
        let fresh =
            Rows::new((0..2).map(|n| Key::new(format!("{{slot}}:new:{round}:{n}")).tag(format!("{{slot}}:tag:{n}"))));
        fresh.become_hits(&there, Source::Redis).await;
        fresh.stay_fresh(&here, &[&there]).await;
        assert!(here.get_many::<u64>(rows.keys.clone()).await.is_ok());
        here.put(fresh.keys[0].clone(), &77u64, TTL).await.expect("both are up");
        assert_eq!(there.get::<u64>(fresh.keys[0].clone()).await.expect("both are up"), Some(77));
        there.remove([fresh.keys[0].clone()]).await.expect("both are up");

        cluster.move_keys(slot, to);
        rows.stay_fresh(&here, &[&there]).await;
        rows.become_hits(&here, Source::Redis).await;
        assert!(cluster.node(to).keys().iter().any(|key| key.contains("{slot}:0")), "they are there by now");
        cluster.finish_move(slot, to);
        rows.stay_fresh(&there, &[&here, &there]).await;
        rows.become_hits(&here, Source::Redis).await;

        // And in one go.
        cluster.move_slot(slot, from);
        for row in 0..rows.keys.len() {
            let (value, _) = rows.read(&here, row).await;
            assert_eq!(value, rows.now(row));
        }
        rows.become_hits(&here, Source::Redis).await;
        rows.become_hits(&local, Source::Local).await;
        rows.stay_fresh(&here, &[&there]).await;
        rows.are_told(&local).await;
        cluster.move_slot(slot, to);
    }
}

/// Reads and mutations all the time, while `faults` happen. A read by whom Redis answers is never older than an
/// invalidation that had returned.
async fn under_load(cluster: &mut RedisCluster, faults: impl AsyncFnOnce(&mut RedisCluster, &Cache)) {
    let rows = Arc::new(Rows::spread(12));
    let floors: Arc<Vec<AtomicU64>> = Arc::new((0..12).map(|_| AtomicU64::new(0)).collect());
    let over = Arc::new(AtomicBool::new(false));
    let (reads, hits, told) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let caches = [plain(cluster).await, plain(cluster).await];
    let mut tasks = tokio::task::JoinSet::new();
    for cache in &caches {
        for task in 0..4 {
            let (rows, floors, over, cache) =
                (Arc::clone(&rows), Arc::clone(&floors), Arc::clone(&over), cache.clone());
            let (reads, hits, told) = (Arc::clone(&reads), Arc::clone(&hits), Arc::clone(&told));
            tasks.spawn(async move {
                while !over.load(SeqCst) {
                    let row = fastrand::usize(..12);
                    if task == 0 {
                        let version = rows.versions[row].fetch_add(1, SeqCst) + 1;
                        let acknowledged = match fastrand::bool() {
                            true => cache.remove([rows.keys[row].clone()]).await.is_ok(),
                            false => cache.invalidate_tags([format!("own:{row}")]).await.is_ok(),
                        };
                        if acknowledged {
                            floors[row].fetch_max(version, SeqCst);
                            told.fetch_add(1, SeqCst);
                        }
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    } else {
                        let floor = floors[row].load(SeqCst);
                        let (value, source) = rows.read(&cache, row).await;
                        assert!(value >= floor, "row {row}: {value} from {source}, and {floor} was acknowledged");
                        reads.fetch_add(1, SeqCst);
                        hits.fetch_add(u64::from(source == Source::Redis), SeqCst);
                        tokio::time::sleep(Duration::from_micros(500)).await;
                    }
                }
            });
        }
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    faults(cluster, &caches[0]).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    over.store(true, SeqCst);
    while let Some(ended) = tasks.join_next().await {
        ended.expect("nothing stale was read");
    }
    let (reads, hits, told) = (reads.load(SeqCst), hits.load(SeqCst), told.load(SeqCst));
    // Whoever serves nothing serves nothing stale.
    assert!(hits > reads / 20 && told > 50, "{reads} reads, {hits} hits, {told} acknowledged invalidations");
    for cache in &caches {
        cache.shutdown().await.expect("what was owed was delivered");
    }
    for cache in &caches {
        rows.become_hits(cache, Source::Redis).await;
    }
    rows.stay_fresh(&caches[0], &[&caches[1]]).await;
}

/// What blocks, beside the load.
async fn meanwhile(blocks: impl FnOnce()) {
    tokio::task::block_in_place(blocks);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_failover_by_hand_and_moving_slots_leave_nothing_stale() {
    let mut cluster = RedisCluster::start(3, 1);
    under_load(&mut cluster, async |cluster, cache| {
        for (replica, _) in [(3, 0), (0, 3), (4, 1)] {
            meanwhile(|| cluster.failover(replica)).await;
            let name = cluster.urls()[replica].trim_start_matches("redis://").to_owned();
            becomes(cache, "the new master is used", async || cache.health().masters.contains(&name)).await;
        }
        for row in 0..6 {
            let slot = cluster.slot(&format!("topo:e:row:{row}"));
            let owner = cluster.owner_of(slot);
            let to = *cluster.masters().iter().find(|&&node| node != owner).expect("there are three");
            meanwhile(|| cluster.move_slot(slot, to)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_master_that_is_killed_is_followed_and_nothing_stale_is_left() {
    let mut cluster = RedisCluster::start(3, 1);
    // A lease that no pause of the machine outlasts: without a reason, no epoch changes.
    let local = builder(cluster.cache_url()).lease(Duration::from_secs(20)).build().expect("in order");
    let rows = Rows::spread(6);
    rows.become_hits(&local, Source::Local).await;
    under_load(&mut cluster, async |cluster, cache| {
        for dead in [0, 1] {
            meanwhile(|| {
                cluster.kill(dead);
                cluster.wait_ok();
            })
            .await;
            becomes(cache, "it works again", async || {
                cache.health().available && cache.ping().await.is_ok() && cache.health().owed == 0
            })
            .await;
        }
        meanwhile(|| {
            cluster.restart(0);
            cluster.wait_ok();
        })
        .await;
    })
    .await;
    rows.become_hits(&local, Source::Local).await;
    let before = epoch(&local);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(epoch(&local), before, "who is no master any more is not listened to");
    rows.become_hits(&local, Source::Local).await;
}

#[tokio::test]
async fn what_a_dead_master_has_stored_is_not_served_by_its_successor() {
    let mut cluster = RedisCluster::start(3, 1);
    let cache = plain(&cluster).await;
    let rows = Rows::spread(9);
    rows.become_hits(&cache, Source::Redis).await;
    cluster.wait_in_step();
    let dead = cluster.owner("topo:e:row:0");
    let of_the_dead: Vec<usize> = (0..9).filter(|row| cluster.owner(&format!("topo:e:row:{row}")) == dead).collect();
    let living: Vec<usize> = (0..9)
        .filter(|row| {
            [format!("topo:e:row:{row}"), format!("topo:t:own:{row}"), format!("topo:t:third:{}", row % 3)]
                .iter()
                .all(|name| cluster.owner(name) != dead)
        })
        .collect();
    assert!(!living.is_empty(), "some have nothing to do with it");
    cluster.kill(dead);

    // The others go on, and what is owed to it does not hold up what is owed to them.
    for &row in &living {
        assert_eq!(rows.read(&cache, row).await.1, Source::Redis, "row {row}");
    }
    rows.change();
    let all: Vec<Key> = rows.keys.clone();
    let refused = cache.remove(all).await.expect_err("one of the masters is dead");
    assert!(matches!(refused.kind(), ErrorKind::Unavailable | ErrorKind::Timeout), "{refused:?}");
    let other = plain(&cluster).await;
    becomes(&cache, "those of the living are delivered", async || {
        let mut gone = true;
        for &row in &living {
            gone &= rows.read(&other, row).await.0 == 1;
        }
        gone
    })
    .await;
    assert!(cache.health().owed > 0 || cluster.owner("topo:e:row:0") != dead, "{:?}", cache.health());
    for row in 0..9 {
        assert_eq!(rows.read(&cache, row).await.0, 1, "owed, so not served");
    }

    cluster.wait_ok();
    let successor = cluster.owner("topo:e:row:0");
    assert_ne!(successor, dead);
    for &row in &of_the_dead {
        assert_eq!(rows.read(&other, row).await.0, 1, "the successor's copy is of another history");
    }
    cache.shutdown().await.expect("it is delivered to the successor");
    assert_eq!(cache.health().owed, 0);
    rows.become_hits(&cache, Source::Redis).await;
    rows.stay_fresh(&cache, &[&other]).await;
    assert!(cache.health().available);
}

#[tokio::test]
async fn a_node_that_is_down_at_the_start_is_not_missed() {
    let mut cluster = RedisCluster::start(3, 1);
    cluster.kill(0);
    cluster.wait_ok();
    // The dead one first, and a living one.
    let hosts = [0, 1].map(|node| cluster.urls()[node].replace("redis://", ""));
    let cache = builder(format!("redis+cluster://{}", hosts.join(","))).build().expect("in order");
    let rows = Rows::spread(6);
    rows.become_hits(&cache, Source::Local).await;
    assert_eq!(cache.health().masters.len(), 3);
    assert!(cache.health().available);
    rows.stay_fresh(&cache, &[&cache]).await;
}

#[tokio::test]
async fn with_all_nodes_down_functions_run_and_later_the_cache_is_there() {
    let mut cluster = RedisCluster::start(3, 0);
    (0..3).for_each(|node| cluster.kill(node));
    let cache = tiered(&cluster);
    for n in 0..20 {
        assert_eq!(load(&cache, format!("k{n}"), n).await, (n, Source::Bypassed));
    }
    let health = cache.health();
    assert!(!health.available && health.masters.is_empty() && health.last_error.is_some(), "{health:?}");
    cache.remove(["row:0"]).await.expect_err("nobody is there");
    assert_eq!(cache.health().owed, 1);
    (0..3).for_each(|node| cluster.restart(node));
    cluster.wait_ok();
    let rows = Rows::spread(6);
    rows.become_hits(&cache, Source::Local).await;
    becomes(&cache, "what was owed is delivered", async || cache.health().owed == 0).await;
    assert_eq!(cache.health().last_error, None);
    rows.stay_fresh(&cache, &[&cache]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_master_that_falls_silent_holds_nobody_up_and_is_not_listened_to_when_it_speaks_again() {
    let cluster = RedisCluster::start(3, 1);
    // Whoever asks the silent one waits until his budget is used up.
    let brief = || builder(cluster.cache_url()).budget(Duration::from_secs(2));
    let (cache, other, local) = (alone(brief()).await, alone(brief()).await, brief().build().expect("in order"));
    let rows = Rows::spread(9);
    rows.become_hits(&cache, Source::Redis).await;
    rows.become_hits(&local, Source::Local).await;
    let silent = cluster.owner("topo:e:row:0");
    let speaks: Vec<usize> = (0..9)
        .filter(|row| {
            [format!("topo:e:row:{row}"), format!("topo:t:own:{row}"), format!("topo:t:third:{}", row % 3)]
                .iter()
                .all(|name| cluster.owner(name) != silent)
        })
        .collect();
    cluster.pause(silent);
    for &row in &speaks {
        assert_eq!(rows.read(&cache, row).await.1, Source::Redis, "row {row}");
    }
    rows.change();
    cache.remove(rows.keys.clone()).await.expect_err("one of them says nothing");
    for &row in &speaks {
        assert_eq!(rows.read(&other, row).await.0, 1, "those who speak were told, row {row}");
    }
    meanwhile(|| cluster.wait_ok()).await;
    cache.shutdown().await.expect("it is delivered to the successor");
    for row in 0..9 {
        for reader in [&cache, &other] {
            assert_eq!(rows.read(reader, row).await.0, 1, "row {row}");
        }
    }
    rows.are_told(&local).await;
    cluster.resume(silent);
    rows.stay_fresh(&cache, &[&other]).await;
    meanwhile(|| cluster.wait_ok()).await;
    rows.stay_fresh(&cache, &[&other]).await;
    rows.become_hits(&local, Source::Local).await;
    let name = cluster.urls()[silent].trim_start_matches("redis://").to_owned();
    assert!(!local.health().masters.contains(&name));
    let clients: String = cluster.node(silent).query(&["CLIENT", "LIST", "TYPE", "pubsub"]);
    assert_eq!(clients.lines().filter(|client| client.contains("resp=3")).count(), 0, "{clients}");
}
