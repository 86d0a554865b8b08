//! Tags that only the result names: known from the second load on, and then as good as any other.

mod steps;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use cache_runtime::{Cache, CacheBuilder, Source, cached, invalidates, observe, refresh};
use serde::{Deserialize, Serialize};
use steps::tiers::on_each_tier;
use steps::topologies::on_each_topology;
use steps::{alone, becomes, hears, is_idle, listening, patient};
use tests::{RedisServer, eventually};
use tokio::sync::Notify;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct User {
    id: u64,
    org: u64,
    name: u64,
}

type Found = Result<Option<User>, String>;

/// A table of one user.
struct Db {
    answer: Mutex<Found>,
    loads: AtomicUsize,
    /// The number of the load that is held up behind its read.
    held: AtomicUsize,
    has_read: Notify,
    go_on: Notify,
    /// How long each load takes besides.
    pause: Option<Duration>,
}

impl Default for Db {
    fn default() -> Self {
        Self {
            answer: Mutex::new(Ok(Some(User { id: 1, org: 1, name: 0 }))),
            loads: AtomicUsize::new(0),
            held: AtomicUsize::new(usize::MAX),
            has_read: Notify::new(),
            go_on: Notify::new(),
            pause: None,
        }
    }
}

impl Db {
    fn set(&self, answer: Found) {
        *self.answer.lock().expect("nobody panics") = answer;
    }

    fn change(&self, change: impl FnOnce(&mut User)) {
        if let Ok(Some(user)) = &mut *self.answer.lock().expect("nobody panics") {
            change(user);
        }
    }

    async fn read(&self) -> Found {
        let answer = self.answer.lock().expect("nobody panics").clone();
        if self.loads.fetch_add(1, SeqCst) == self.held.load(SeqCst) {
            self.has_read.notify_one();
            self.go_on.notified().await;
        }
        if let Some(pause) = self.pause {
            tokio::time::sleep(pause).await;
        }
        answer
    }
}

#[cached(key = "user:{id}", ttl = "1m", negative_ttl = "1m", tags = ["users", "org:{return.org}"], skip(db))]
async fn user(db: &Db, id: u64) -> Found {
    let _ = id;
    db.read().await
}

async fn see(cache: &Cache, db: &Db) -> (Found, Source) {
    let (found, seen) = cache.scope(observe(user(db, 1))).await;
    (found, seen.source)
}

async fn source(cache: &Cache, db: &Db) -> Source {
    let (found, source) = see(cache, db).await;
    assert_eq!(found, *db.answer.lock().expect("nobody panics"), "{source}");
    source
}

fn at(url: impl Into<String>) -> CacheBuilder {
    patient("found", url)
}

/// In process, and over each topology by Redis alone and by both.
async fn everywhere(test: impl AsyncFn(Cache, Source)) {
    test(Cache::local(), Source::Local).await;
    on_each_topology(async |servers| {
        test(alone(at(servers.url())).await, Source::Redis).await;
        servers.command(&["FLUSHALL"]);
        test(listening(at(servers.url())).await, Source::Local).await;
    })
    .await;
}

/// Calls until the entry is stored, and checks that it takes no more loads than it may.
async fn is_stored(cache: &Cache, db: &Db, hit: Source) {
    let mut loads = 0;
    loop {
        let source = source(cache, db).await;
        is_idle(cache).await;
        if source == hit {
            break;
        }
        // The tier may not have been in step when it was loaded.
        if source == Source::Loaded {
            loads += 1;
        }
        assert!(loads <= 2, "the second load is stored");
    }
}

/// What is stored stands after the invalidation, on the server and where hits come from. In process a message about an
/// earlier one may void it: in a Cluster each message comes by all masters, and from some of them late.
async fn is_not_voided_by(invalidation: impl AsyncFn(), what: &str, cache: &Cache, db: &Db, hit: Source) {
    becomes(cache, what, async || {
        is_stored(cache, db, hit).await;
        invalidation().await;
        let source = source(cache, db).await;
        assert_ne!(source, Source::Loaded, "{what}");
        source == hit
    })
    .await;
}

#[tokio::test]
async fn the_first_load_leaves_a_hint_the_second_is_stored_the_third_call_is_a_hit() {
    let server = RedisServer::start();
    let cache = alone(at(server.url())).await;
    let db = Db::default();
    let held = || server.get_raw("found:e:user:1").map(|held| held[0] as char);
    assert_eq!(held(), None);
    for (call, (from, then)) in
        [(Source::Loaded, 'H'), (Source::Loaded, 'E'), (Source::Redis, 'E'), (Source::Redis, 'E')]
            .into_iter()
            .enumerate()
    {
        assert_eq!(source(&cache, &db).await, from, "call {call}");
        is_idle(&cache).await;
        assert_eq!(held(), Some(then), "call {call}");
    }
    assert_eq!(server.keys(), ["found:e:user:1", "found:t:org:1", "found:t:users"]);
    for key in server.keys() {
        assert!(server.query::<i64>(&["PTTL", &key]) > 0, "{key}");
    }
}

#[tokio::test]
async fn the_third_call_is_a_hit_everywhere() {
    everywhere(async |cache, hit| {
        let db = Db::default();
        for expected in [Source::Loaded, Source::Loaded, hit, hit] {
            assert_eq!(source(&cache, &db).await, expected);
            is_idle(&cache).await;
        }
    })
    .await;
}

#[invalidates(tags = ["org:{org}"])]
async fn suspend(db: &Db, org: u64) {
    db.change(|user| user.name += 1);
}

#[invalidates(user(id))]
async fn rename(db: &Db, id: u64) {
    db.change(|user| user.name += 1);
}

#[tokio::test]
async fn each_of_its_names_voids_the_entry() {
    everywhere(async |cache, hit| {
        let db = Db::default();
        is_stored(&cache, &db, hit).await;
        cache.scope(suspend(&db, 1)).await;
        assert_eq!(source(&cache, &db).await, Source::Loaded, "by the tag that it found");
        is_stored(&cache, &db, hit).await;
        db.change(|user| user.name += 1);
        cache.invalidate_tags(["users"]).await.expect("up");
        assert_eq!(source(&cache, &db).await, Source::Loaded, "by the tag of its declaration");
        is_stored(&cache, &db, hit).await;
        cache.scope(rename(&db, 1)).await;
        assert_eq!(source(&cache, &db).await, Source::Loaded, "by its key");
        let another = async || cache.scope(suspend(&Db::default(), 2)).await;
        is_not_voided_by(another, "another organisation's tag is none of its names", &cache, &db, hit).await;
    })
    .await;
}

#[tokio::test]
async fn a_tag_that_the_result_names_no_more_counts_no_more() {
    everywhere(async |cache, hit| {
        let db = Db::default();
        is_stored(&cache, &db, hit).await;
        db.change(|user| user.org = 2);
        cache.invalidate_tags(["users"]).await.expect("up");
        let old = async || cache.invalidate_tags(["org:1"]).await.expect("up");
        is_not_voided_by(old, "the old tag", &cache, &db, hit).await;
        cache.scope(suspend(&db, 2)).await;
        assert_eq!(source(&cache, &db).await, Source::Loaded, "the new tag");
    })
    .await;
}

#[tokio::test]
async fn an_invalidation_during_the_load_that_is_stored_is_not_lost() {
    everywhere(async |cache, hit| {
        for held in [0, 1, 2] {
            let db = Arc::new(Db::default());
            db.held.store(held, SeqCst);
            for _ in 0..held {
                source(&cache, &db).await;
                is_idle(&cache).await;
                if held == 2 {
                    cache.invalidate_tags(["org:1"]).await.expect("up");
                }
            }
            let load = tokio::spawn({
                let (cache, db) = (cache.clone(), Arc::clone(&db));
                async move { see(&cache, &db).await }
            });
            db.has_read.notified().await;
            cache.scope(suspend(&db, 1)).await;
            db.go_on.notify_one();
            let (early, from) = load.await.expect("no panic");
            assert_eq!((early.map(|user| user.map(|user| user.name)), from), (Ok(Some(0)), Source::Loaded));
            is_idle(&cache).await;
            for _ in 0..4 {
                source(&cache, &db).await;
                is_idle(&cache).await;
            }
            // In process it may be voided once more: in a Cluster, by a message from before that comes late.
            becomes(&cache, "stored", async || {
                let source = source(&cache, &db).await;
                assert_ne!(source, Source::Loaded);
                source == hit
            })
            .await;
            cache.clear().await.expect("up");
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_no_value_names_nothing() {
    on_each_tier(async |cache, hit| {
        let db = Db::default();
        is_stored(&cache, &db, hit).await;
        db.set(Ok(None));
        cache.invalidate_tags(["org:1"]).await.expect("up");
        is_stored(&cache, &db, hit).await;
        cache.invalidate_tags(["org:1"]).await.expect("up");
        assert_eq!(source(&cache, &db).await, hit, "the None names no organisation");
        db.set(Err("down".into()));
        cache.invalidate_tags(["users"]).await.expect("up");
        for _ in 0..3 {
            assert_eq!(source(&cache, &db).await, Source::Loaded, "an error is stored nowhere");
            is_idle(&cache).await;
        }
        db.set(Ok(Some(User { id: 1, org: 7, name: 0 })));
        is_stored(&cache, &db, hit).await;
        cache.scope(suspend(&db, 7)).await;
        assert_eq!(source(&cache, &db).await, Source::Loaded);
    })
    .await;
}

#[tokio::test]
async fn what_is_put_through_the_companion_carries_its_tags() {
    on_each_tier(async |cache, hit| {
        let db = Db::default();
        let put = async |org: u64| {
            let value = User { id: 1, org, name: 9 };
            db.set(Ok(Some(value.clone())));
            cache.scope(user::put(1, value)).await.expect("up");
        };
        for org in [3, 4, 3] {
            put(org).await;
            let mut from = source(&cache, &db).await;
            if from == Source::Redis {
                from = source(&cache, &db).await;
            }
            assert_eq!(from, hit, "org {org}: at once, the tags are known with the value");
            let peeked = cache.scope(user::peek(1)).await.expect("up").expect("there").expect("no error");
            assert_eq!(peeked.map(|user| user.org), Some(org));
        }
        cache.invalidate_tags(["org:4"]).await.expect("up");
        assert_eq!(source(&cache, &db).await, hit);
        cache.scope(suspend(&db, 3)).await;
        assert_eq!(source(&cache, &db).await, Source::Loaded);
        cache.scope(user::put(1, None)).await.expect("up");
        db.set(Ok(None));
        cache.invalidate_tags(["org:3"]).await.expect("up");
        assert_ne!(source(&cache, &db).await, Source::Loaded, "a None names nothing");
    })
    .await;
}

#[tokio::test]
async fn a_refresh_takes_on_the_new_tag() {
    on_each_tier(async |cache, hit| {
        let db = Db::default();
        is_stored(&cache, &db, hit).await;
        db.change(|user| user.org = 2);
        assert_eq!(cache.scope(refresh(user(&db, 1))).await.expect("a user").expect("there").org, 2);
        is_idle(&cache).await;
        // It may leave only a hint, and never the old value.
        is_stored(&cache, &db, hit).await;
        cache.scope(suspend(&db, 2)).await;
        assert_eq!(source(&cache, &db).await, Source::Loaded);
    })
    .await;
}

#[tokio::test]
async fn another_process_is_told_by_the_found_tag_too() {
    on_each_topology(async |servers| {
        let (here, there) = (listening(at(servers.url())).await, listening(at(servers.url())).await);
        let db = Db::default();
        for round in 0..3 {
            for cache in [&here, &there] {
                is_stored(cache, &db, Source::Local).await;
            }
            here.scope(suspend(&db, 1)).await;
            assert_eq!(source(&here, &db).await, Source::Loaded, "round {round}");
            let now = db.answer.lock().expect("nobody panics").clone();
            eventually("told", async || see(&there, &db).await.0 == now).await;
            for _ in 0..3 {
                source(&there, &db).await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn many_at_once_are_found_by_the_tags_that_only_they_tell() {
    everywhere(async |cache, hit| {
        let db = Db::default();
        is_stored(&cache, &db, hit).await;
        let many = async || {
            let many = cache.get_many::<Option<User>>([user::key(1), user::key(2)]).await.expect("up");
            many.into_iter().map(|found| found.map(|user| user.map(|user| user.name))).collect::<Vec<_>>()
        };
        assert_eq!(many().await, [Some(Some(0)), None]);
        cache.scope(suspend(&db, 1)).await;
        assert_eq!(many().await, [None, None]);
        is_stored(&cache, &db, hit).await;
        assert_eq!(many().await, [Some(Some(1)), None]);
    })
    .await;
}

#[tokio::test]
async fn a_damaged_hint_heals() {
    let server = RedisServer::start();
    let cache = alone(at(server.url())).await;
    let db = Db::default();
    source(&cache, &db).await;
    is_idle(&cache).await;
    let hint = server.get_raw("found:e:user:1").expect("left by the first load");
    assert_eq!(hint[0], b'H');
    let mut damages: Vec<Vec<u8>> = (0..hint.len()).map(|length| hint[..length].to_vec()).collect();
    damages.extend((0..hint.len()).map(|at| {
        let mut damaged = hint.clone();
        damaged[at] ^= 0x41;
        damaged
    }));
    for damaged in damages {
        server.set_raw("found:e:user:1", &damaged);
        for _ in 0..3 {
            source(&cache, &db).await;
            is_idle(&cache).await;
        }
        assert_eq!(source(&cache, &db).await, Source::Redis, "{damaged:?}");
    }
}

#[tokio::test]
async fn an_owed_tag_that_only_the_entry_names_is_not_served() {
    let server = RedisServer::start();
    server.command(&["ACL", "SETUSER", "app", "on", ">secret", "~*", "&*", "+@all"]);
    let url = format!("redis://app:secret@127.0.0.1:{}", server.port());
    for tier in [false, true] {
        // Reads go on, and removals fail.
        let cache = at(&*url).local_tier(tier).breaker_failures(u32::MAX).build().expect("in order");
        let db = Db::default();
        if tier {
            hears(&cache).await;
        }
        is_stored(&cache, &db, if tier { Source::Local } else { Source::Redis }).await;
        server.command(&["ACL", "SETUSER", "app", "-unlink"]);
        cache.scope(suspend(&db, 1)).await;
        assert_eq!(cache.health().owed, 1);
        for _ in 0..5 {
            assert_eq!(source(&cache, &db).await, Source::Bypassed);
            assert_eq!(cache.scope(user::peek(1)).await.expect("up"), None);
            assert_eq!(cache.get_many::<Option<User>>([user::key(1)]).await.expect("up"), [None]);
        }
        assert_eq!(cache.health().owed, 1);
        server.command(&["ACL", "SETUSER", "app", "+unlink"]);
        eventually("delivered", async || cache.health().owed == 0).await;
        assert_eq!(source(&cache, &db).await, Source::Loaded);
        server.command(&["FLUSHALL"]);
    }
}

static TAGS: AtomicU64 = AtomicU64::new(0);

#[cached(key = "twice:{id}", ttl = "1m", tags = ["org:{id}", "org:{return.org}"])]
async fn twice(id: u64) -> User {
    TAGS.fetch_add(1, SeqCst);
    User { id, org: id, name: 0 }
}

#[tokio::test]
async fn a_found_tag_that_is_declared_as_well_counts_once() {
    on_each_tier(async |cache, hit| {
        let before = TAGS.load(SeqCst);
        for _ in 0..4 {
            cache.scope(twice(5)).await;
            is_idle(&cache).await;
        }
        assert!(TAGS.load(SeqCst) <= before + 2);
        assert_eq!(cache.scope(observe(twice(5))).await.1.source, hit);
        cache.invalidate_tags(["org:5"]).await.expect("up");
        assert_eq!(cache.scope(observe(twice(5))).await.1.source, Source::Loaded);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_after_an_invalidation_is_not_handed_a_load_from_before_it() {
    on_each_tier(async |cache, _| {
        for held in [0, 1] {
            let db = Arc::new(Db::default());
            db.held.store(held, SeqCst);
            for _ in 0..held {
                source(&cache, &db).await;
                is_idle(&cache).await;
            }
            let early = tokio::spawn({
                let (cache, db) = (cache.clone(), Arc::clone(&db));
                async move { see(&cache, &db).await.0 }
            });
            db.has_read.notified().await;
            // The load under way has read, and nobody knows yet that this tag is one of its value's.
            cache.scope(suspend(&db, 1)).await;
            let let_it_end = async {
                tokio::time::sleep(Duration::from_millis(30)).await;
                db.go_on.notify_one();
            };
            let late = tokio::time::timeout(Duration::from_secs(20), see(&cache, &db));
            let (late, ()) = tokio::join!(late, let_it_end);
            let (late, from) = late.expect("nobody hangs");
            let name = |found: Found| found.expect("no error").expect("a user").name;
            assert_eq!((name(early.await.expect("no panic")), name(late)), (0, 1), "load {held}, {from}");
            cache.clear().await.expect("up");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_of_one_missing_key_load_a_few_times_at_most() {
    on_each_tier(async |cache, _| {
        // Each load waits for those who looked before it was stored: on a starved machine the last of them comes late.
        let db = Arc::new(Db { pause: Some(Duration::from_millis(500)), ..Db::default() });
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..200 {
            let (cache, db) = (cache.clone(), Arc::clone(&db));
            callers.spawn(async move { source(&cache, &db).await });
        }
        while let Some(from) = callers.join_next().await {
            assert_ne!(from.expect("no panic"), Source::Bypassed);
        }
        // The first, and then those who found the entry before its hint was left, and those who found it after.
        assert!(db.loads.load(SeqCst) <= 3, "{:?}", db.loads);
    })
    .await;
}
