//! A fenced mutation: while it runs nothing is stored of what it changes, and if it dies, nothing old outlives the fence.

mod steps;

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cache_runtime::{Cache, CacheBuilder, ErrorKind, Source, invalidates, observe};
use steps::process::Process;
use steps::table::{Held, Table, held, is_kept, is_told, row, see};
use steps::topologies::{Servers, on_each_topology};
use steps::{hears, is_idle, listening, patient};
use tests::{Mode, RedisServer, eventually};
use tokio::sync::Notify;

/// The ttl of a fence whose process dies. Longer than what is asked while it stands may take.
const SHORT: Duration = Duration::from_secs(1);

fn at(url: impl Into<String>) -> CacheBuilder {
    patient("fence", url)
}

#[invalidates(tags = ["row:{id}"], fence)]
async fn change<F: Future<Output = ()>>(table: &Table, id: u64, behind: F) {
    table.change();
    behind.await;
}

#[invalidates(row(id), fence)]
async fn change_by_type<F: Future<Output = ()>>(table: &Table, id: u64, behind: F) {
    table.change();
    behind.await;
}

#[invalidates(keys = ["row:{id}"], tags = ["rows"], fence = "require")]
async fn change_or_refuse<F: Future<Output = ()>>(
    table: &Table,
    id: u64,
    behind: F,
) -> Result<(), cache_runtime::Error> {
    table.change();
    behind.await;
    Ok(())
}

type Behind<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;
type Mutation = for<'a> fn(&'a Table, Behind<'a>) -> Behind<'a>;

const MUTATIONS: [(Mutation, &[&str]); 3] = [
    (|table, behind| Box::pin(change(table, 1, behind)), &["fence:t:row:1"]),
    (|table, behind| Box::pin(change_by_type(table, 1, behind)), &["fence:e:row:1"]),
    (
        |table, behind| {
            Box::pin(async move { change_or_refuse(table, 1, behind).await.expect("the server takes the fence") })
        },
        &["fence:e:row:1", "fence:t:rows"],
    ),
];

/// A stamp begins with random bytes, and is shorter than any fence.
fn is_fenced(held: Option<Vec<u8>>) -> bool {
    const SHORTEST: usize = 25;
    held.is_some_and(|held| held.len() >= SHORTEST && held.starts_with(b"F"))
}

/// Calls load, and what they load stays nowhere.
async fn nothing_is_stored(servers: &Servers, caches: &[&Cache], table: &Table) {
    // Where only a tag is fenced, what stood there stands there still, and is void.
    let before = servers.get_raw("fence:e:row:1");
    for cache in caches {
        // A message may be on its way.
        eventually("told", async || see(cache, table, 1).await.1 != Source::Local).await;
        for _ in 0..5 {
            assert_eq!(see(cache, table, 1).await, (table.now(), Source::Loaded));
        }
        is_idle(cache).await;
        assert_eq!(see(cache, table, 1).await, (table.now(), Source::Loaded));
        assert_eq!(cache.scope(row::peek(1)).await.expect("up"), None);
        let put = cache.scope(row::put(1, table.now())).await.expect_err("fenced");
        assert_eq!(put.kind(), ErrorKind::Unavailable);
        assert!(put.to_string().contains("mutation"), "{put}");
    }
    let after = servers.get_raw("fence:e:row:1");
    assert!(after == before || after.is_none_or(|held| held[0] != b'E'), "a value was stored");
}

#[tokio::test]
async fn while_a_mutation_runs_calls_load_and_store_nothing() {
    on_each_topology(async |servers| {
        let (here, there) = (listening(at(servers.url())).await, listening(at(servers.url())).await);
        let table = Table::default();
        for (mutate, names) in MUTATIONS {
            is_kept(&here, &table, 1).await;
            is_kept(&there, &table, 1).await;
            let behind = async {
                for name in names {
                    assert!(is_fenced(servers.get_raw(name)), "{name}");
                }
                // In its own process at once.
                assert_eq!(see(&here, &table, 1).await, (table.now(), Source::Loaded));
                nothing_is_stored(servers, &[&here, &there], &table).await;
            };
            here.scope(mutate(&table, Box::pin(behind))).await;
            for name in names {
                assert_eq!(servers.get_raw(name), None, "{name}: the invalidation lifts the fence");
            }
            is_kept(&here, &table, 1).await;
            is_kept(&there, &table, 1).await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_not_named_is_stored_meanwhile() {
    let server = RedisServer::start();
    let cache = listening(at(server.url())).await;
    let table = Table::default();
    let behind = async {
        assert_eq!(cache.scope(observe(row(&table, 2))).await.1.source, Source::Loaded);
        assert_eq!(cache.scope(observe(row(&table, 2))).await.1.source, Source::Local);
    };
    cache.scope(change(&table, 1, behind)).await;
    assert_eq!(cache.scope(observe(row(&table, 2))).await.1.source, Source::Local);
}

#[tokio::test]
async fn nested_mutations_are_fenced_until_the_last_has_ended() {
    on_each_topology(async |servers| {
        let cache = listening(at(servers.url())).await;
        let table = Table::default();
        is_kept(&cache, &table, 1).await;
        let behind = async {
            change(&table, 1, async {}).await;
            assert!(is_fenced(servers.get_raw("fence:t:row:1")), "the outer one runs");
            nothing_is_stored(servers, &[&cache], &table).await;
        };
        cache.scope(change(&table, 1, behind)).await;
        assert_eq!(servers.get_raw("fence:t:row:1"), None);
        is_kept(&cache, &table, 1).await;
    })
    .await;
}

#[tokio::test]
async fn overlapping_mutations_are_fenced_until_the_last_has_ended() {
    on_each_topology(async |servers| {
        let (here, there) = (listening(at(servers.url())).await, listening(at(servers.url())).await);
        let table = Table::default();
        let (first_may_end, second_may_end) = (Notify::new(), Notify::new());
        let (first_began, second_began) = (Notify::new(), Notify::new());
        let first = here.scope(change(&table, 1, async {
            first_began.notify_one();
            first_may_end.notified().await;
        }));
        let second = there.scope(change(&table, 1, async {
            second_began.notify_one();
            second_may_end.notified().await;
        }));
        let mut second = pin!(second);
        let test = async {
            let first_half = async {
                first_began.notified().await;
                second_began.notified().await;
                first_may_end.notify_one();
            };
            tokio::join!(first, first_half);
        };
        tokio::select! {
            () = test => {}
            () = &mut second => panic!("the second one was not to end"),
        }
        assert!(is_fenced(servers.get_raw("fence:t:row:1")));
        nothing_is_stored(servers, &[&here, &there], &table).await;
        second_may_end.notify_one();
        second.await;
        assert_eq!(servers.get_raw("fence:t:row:1"), None);
        is_kept(&here, &table, 1).await;
        is_kept(&there, &table, 1).await;
    })
    .await;
}

/// A mutation whose process dies when its body has done its work: nobody runs or drops its future any more.
async fn dies(cache: &Cache, table: &Arc<Table>) {
    let done = Arc::new(Notify::new());
    let mut dying = Box::pin({
        let (cache, table, done) = (cache.clone(), Arc::clone(table), Arc::clone(&done));
        async move {
            let behind = async {
                done.notify_one();
                std::future::pending::<()>().await;
            };
            cache.scope(change(&table, 1, behind)).await;
        }
    });
    tokio::select! {
        () = dying.as_mut() => panic!("it never ends"),
        () = done.notified() => {}
    }
    std::mem::forget(dying);
}

#[tokio::test]
async fn after_a_crash_nothing_old_is_served_and_the_fence_ends_by_itself() {
    on_each_topology(async |servers| {
        let dying = listening(at(servers.url()).fence_ttl(SHORT)).await;
        let others = [listening(at(servers.url())).await, listening(at(servers.url())).await];
        let table = Arc::new(Table::default());
        for cache in [&dying, &others[0], &others[1]] {
            is_kept(cache, &table, 1).await;
        }
        dies(&dying, &table).await;
        for cache in [&dying, &others[0], &others[1]] {
            is_told(cache, &table, 1).await;
            // From now on never the old value, in no tier, until it is cached again.
            is_kept(cache, &table, 1).await;
        }
        assert!(!is_fenced(servers.get_raw("fence:t:row:1")));
        assert_eq!(table.now(), 1);
    })
    .await;
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the server's clock is compared with the machine's")]
async fn a_fence_does_not_end_before_its_ttl() {
    on_each_topology(async |servers| {
        let (dying, living) = (listening(at(servers.url()).fence_ttl(SHORT)).await, listening(at(servers.url())).await);
        let table = Arc::new(Table::default());
        is_kept(&living, &table, 1).await;
        let began = Instant::now();
        dies(&dying, &table).await;
        // What others do is not what ends it.
        living.invalidate_tags(["row:1"]).await.expect("up");
        living.scope(change(&table, 1, async {})).await;
        let left: i64 = servers.owner("fence:t:row:1").query(&["PTTL", "fence:t:row:1"]);
        let left = match left {
            // On a starved machine it may have ended before that is asked.
            -2 => Duration::ZERO,
            left => Duration::from_millis(u64::try_from(left).expect("it ends")),
        };
        let rounded = Duration::from_millis(2);
        assert!(left <= SHORT && left + began.elapsed() + rounded >= SHORT, "{left:?}");
        while is_fenced(servers.get_raw("fence:t:row:1")) {
            let (value, source) = see(&living, &table, 1).await;
            assert_eq!(value, 2, "from {source}");
            if is_fenced(servers.get_raw("fence:t:row:1")) {
                let ran = matches!(source, Source::Loaded | Source::Bypassed);
                assert!(ran, "nothing is stored until it has ended, and this is from {source}");
            }
        }
    })
    .await;
}

/// Runs in the other process: changes the row, which is somebody else's to read, and waits to be killed.
#[tokio::test]
async fn the_process_that_dies() {
    let Ok(url) = std::env::var("FENCING_URL") else { return };
    // It stands until the process has been seen to die.
    let cache = at(url).fence_ttl(Duration::from_secs(5)).build().expect("in order");
    let behind = async {
        println!("changed nothing yet");
        std::future::pending::<()>().await;
    };
    cache.scope(change(&Table::default(), 1, behind)).await;
}

#[tokio::test]
async fn a_process_that_is_killed_in_its_mutation_leaves_a_fence_that_ends() {
    on_each_topology(async |servers| {
        let cache = listening(at(servers.url())).await;
        let table = Table::default();
        is_kept(&cache, &table, 1).await;
        let (process, _) = Process::start("the_process_that_dies", "changed", &[("FENCING_URL", &servers.url())]);
        // Its commit, and then its end: nobody invalidates.
        table.change();
        process.kill();
        assert!(is_fenced(servers.get_raw("fence:t:row:1")), "nobody lifts it");
        is_told(&cache, &table, 1).await;
        is_kept(&cache, &table, 1).await;
        assert!(!is_fenced(servers.get_raw("fence:t:row:1")), "it has ended");
    })
    .await;
}

#[tokio::test]
async fn one_that_died_does_not_end_the_fence_of_another() {
    on_each_topology(async |servers| {
        let (dying, living) = (listening(at(servers.url()).fence_ttl(SHORT)).await, listening(at(servers.url())).await);
        let table = Arc::new(Table::default());
        is_kept(&living, &table, 1).await;
        // The living one began later, and then earlier.
        for later in [true, false] {
            if later {
                dies(&dying, &table).await;
            }
            let behind = async {
                if !later {
                    dies(&dying, &table).await;
                }
                tokio::time::sleep(SHORT + SHORT / 2).await;
                assert!(is_fenced(servers.get_raw("fence:t:row:1")), "the living one goes on");
                nothing_is_stored(servers, &[&living, &dying], &table).await;
            };
            living.scope(change(&table, 1, Box::pin(behind))).await;
            assert_eq!(servers.get_raw("fence:t:row:1"), None, "what had expired is not waited for");
            is_kept(&living, &table, 1).await;
            is_kept(&dying, &table, 1).await;
        }
        // The living one ends first.
        let behind = async { dies(&dying, &table).await };
        living.scope(change(&table, 1, Box::pin(behind))).await;
        eventually("it expires", async || servers.get_raw("fence:t:row:1").is_none()).await;
        is_kept(&living, &table, 1).await;
    })
    .await;
}

#[tokio::test]
async fn a_plain_invalidation_does_not_lift_a_fence() {
    on_each_topology(async |servers| {
        let (here, there) = (listening(at(servers.url())).await, listening(at(servers.url())).await);
        let table = Table::default();
        for (mutate, names) in MUTATIONS {
            let behind = async {
                for cache in [&here, &there] {
                    cache.invalidate_tags(["row:1", "rows"]).await.expect("up");
                    cache.remove(["row:1"]).await.expect("up");
                    cache.remove_matching("row:*").await.expect("up");
                    cache.clear().await.expect("up");
                }
                for name in names {
                    assert!(is_fenced(servers.get_raw(name)), "{name}");
                    let left: i64 = servers.owner(name).query(&["PTTL", name]);
                    assert!((1..=30_000).contains(&left), "{name}: {left}");
                }
                nothing_is_stored(servers, &[&here, &there], &table).await;
            };
            here.scope(mutate(&table, Box::pin(behind))).await;
            for name in names {
                assert!(!is_fenced(servers.get_raw(name)), "{name}");
            }
            is_kept(&here, &table, 1).await;
            is_kept(&there, &table, 1).await;
        }
    })
    .await;
}

#[tokio::test]
async fn without_its_server_a_mutation_that_requires_a_fence_does_not_run() {
    on_each_topology(async |servers| {
        let cache = listening(at(servers.url())).await;
        let table = Table::default();
        is_kept(&cache, &table, 1).await;
        servers.network(Mode::Reset);
        for _ in 0..3 {
            let refused = cache.scope(change_or_refuse(&table, 1, async {})).await.expect_err("no fence, no body");
            assert!(matches!(refused.kind(), ErrorKind::Unavailable | ErrorKind::Timeout), "{refused:?}");
        }
        assert_eq!(table.now(), 0, "the body ran");
        servers.mend();
        eventually("it runs again", async || cache.scope(change_or_refuse(&table, 1, async {})).await.is_ok()).await;
        assert_eq!(table.now(), 1);
        hears(&cache).await;
        is_kept(&cache, &table, 1).await;
    })
    .await;
}

#[tokio::test]
async fn without_its_server_another_mutation_goes_on_and_owes() {
    on_each_topology(async |servers| {
        let (here, there) = (listening(at(servers.url())).await, listening(at(servers.url())).await);
        let table = Table::default();
        is_kept(&here, &table, 1).await;
        is_kept(&there, &table, 1).await;
        servers.network(Mode::Reset);
        here.scope(change(&table, 1, async {})).await;
        assert_eq!(table.now(), 1);
        assert_eq!(here.health().owed, 1);
        assert_eq!(see(&here, &table, 1).await, (1, Source::Bypassed));
        servers.mend();
        here.shutdown().await.expect("delivered");
        is_told(&there, &table, 1).await;
        is_kept(&there, &table, 1).await;
    })
    .await;
}

#[tokio::test]
async fn a_mutation_that_is_dropped_in_its_body_lifts_its_fence_and_invalidates() {
    on_each_topology(async |servers| {
        let cache = listening(at(servers.url())).await;
        let table = Table::default();
        for (mutate, names) in MUTATIONS {
            is_kept(&cache, &table, 1).await;
            let began = Notify::new();
            let behind = async {
                began.notify_one();
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = cache.scope(mutate(&table, Box::pin(behind))) => panic!("it never ends"),
                () = began.notified() => names.iter().for_each(|name| assert!(is_fenced(servers.get_raw(name)))),
            }
            let (value, source) = see(&cache, &table, 1).await;
            assert!(value == table.now() && source != Source::Local, "void here at once: {value} from {source}");
            for name in names {
                eventually("lifted", async || !is_fenced(servers.get_raw(name))).await;
            }
            is_kept(&cache, &table, 1).await;
        }
    })
    .await;
}

#[invalidates(tags = ["row:{id}"], fence, on = "ok")]
async fn change_if_possible(table: &Table, id: u64, possible: bool) -> Result<(), String> {
    if !possible {
        return Err("impossible".into());
    }
    table.change();
    Ok(())
}

#[tokio::test]
async fn a_mutation_that_failed_lifts_its_fence_also_where_only_success_invalidates() {
    let server = RedisServer::start();
    let cache = listening(at(server.url())).await;
    let table = Table::default();
    is_kept(&cache, &table, 1).await;
    for possible in [false, true, false] {
        assert_eq!(cache.scope(change_if_possible(&table, 1, possible)).await.is_ok(), possible);
        assert!(!is_fenced(server.get_raw("fence:t:row:1")), "possible: {possible}");
        is_kept(&cache, &table, 1).await;
    }
}

#[invalidates(tags = ["held:{id}"], fence)]
async fn change_held_by_tag<F: Future<Output = ()>>(table: &Table, id: u64, behind: F) {
    table.change();
    behind.await;
}

#[invalidates(held(id), fence)]
async fn change_held<F: Future<Output = ()>>(table: &Table, id: u64, behind: F) {
    table.change();
    behind.await;
}

#[tokio::test]
async fn a_load_under_way_when_the_fence_is_set_is_not_stored() {
    let server = RedisServer::start();
    let (here, there) = (listening(at(server.url())).await, listening(at(server.url())).await);
    for by_tag in [true, false] {
        for ends_inside in [true, false] {
            let held_there = Arc::new(Held::default());
            let load = tokio::spawn({
                let (there, held_there) = (there.clone(), Arc::clone(&held_there));
                async move { there.scope(held(held_there, 1)).await }
            });
            held_there.has_read.notified().await;
            let mut load = Some(load);
            let behind = async {
                if ends_inside {
                    held_there.go_on.notify_one();
                    assert_eq!(load.take().expect("once").await.expect("no panic"), 0);
                    is_idle(&there).await;
                    // Under a fence, and no more in process than in Redis.
                    eventually("new", async || there.scope(held(Arc::clone(&held_there), 1)).await == 1).await;
                }
            };
            match by_tag {
                true => here.scope(change_held_by_tag(&held_there.table, 1, behind)).await,
                false => here.scope(change_held(&held_there.table, 1, behind)).await,
            }
            if let Some(load) = load {
                held_there.go_on.notify_one();
                assert_eq!(load.await.expect("no panic"), 0);
                is_idle(&there).await;
            }
            assert_eq!(here.scope(held(Arc::clone(&held_there), 1)).await, 1, "by tag: {by_tag}");
            eventually("told", async || there.scope(held(Arc::clone(&held_there), 1)).await == 1).await;
            for cache in [&here, &there] {
                for _ in 0..3 {
                    assert_eq!(cache.scope(held(Arc::clone(&held_there), 1)).await, 1, "by tag: {by_tag}");
                }
            }
            here.clear().await.expect("up");
        }
    }
}

#[tokio::test]
async fn in_process_only_there_is_nothing_to_fence() {
    let cache = Cache::local();
    let table = Table::default();
    is_kept(&cache, &table, 1).await;
    for (mutate, _) in MUTATIONS {
        cache.scope(mutate(&table, Box::pin(async {}))).await;
        assert_eq!(see(&cache, &table, 1).await, (table.now(), Source::Loaded));
    }
    assert!(cache.scope(change_if_possible(&table, 1, false)).await.is_err());
    assert_eq!(
        see(&cache, &table, 1).await.1,
        Source::Local,
        "it failed, and was asked to invalidate after success only"
    );
}
