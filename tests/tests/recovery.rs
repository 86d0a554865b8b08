//! What is owed survives: the process that owes it, the runtime that carried its delivery, and damage to its journal.

mod steps;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use cache_runtime::{CacheBuilder, ErrorKind, Key, Source, invalidates};
use steps::process::Process;
use steps::table::{Table, is_kept, is_told, see};
use steps::topologies::{Servers, on_each_topology};
use steps::{TTL, alone, epoch, hears, listening, patient};
use tests::{Mode, Proxy, RedisServer, eventually};
use tokio::runtime::Runtime;

fn at(url: impl Into<String>) -> CacheBuilder {
    patient("owing", url)
}

/// A directory of this test's own.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("owed-{}-{}", std::process::id(), NEXT.fetch_add(1, SeqCst));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("the directory for temporary files can be written");
        Self(path)
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.0).expect("it is there");
        entries.map(|entry| entry.expect("it can be read").path()).collect()
    }

    /// The only file, and what is in it.
    fn journal(&self) -> (PathBuf, Vec<u8>) {
        let files = self.files();
        assert_eq!(files.len(), 1, "{files:?}");
        (files[0].clone(), std::fs::read(&files[0]).expect("it can be read"))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs in the other process: owes what it was told to, and waits to be killed.
#[tokio::test]
async fn the_process_that_dies() {
    let (Ok(url), Ok(directory)) = (std::env::var("OWING_URL"), std::env::var("OWING_DIRECTORY")) else { return };
    let limit = std::env::var("OWING_LIMIT").ok().and_then(|limit| limit.parse().ok()).unwrap_or(100);
    // Whether it owes because it was refused or because nobody answered is the same.
    let cache = at(url).budget(Duration::from_millis(300)).recovery_dir(directory).owed_limit(limit);
    let cache = cache.build().expect("in order");
    if std::env::var("OWING_MUTATION").is_ok() {
        cache.scope(change(7)).await;
    } else {
        cache.invalidate_tags(["t"]).await.expect_err("nobody takes it");
        cache.remove(["k1", "k2"]).await.expect_err("nobody takes it");
    }
    println!("owing {}", cache.health().owed);
    std::future::pending::<()>().await;
}

#[invalidates(tags = ["t"], keys = ["k{n}", "k1", "k2"])]
async fn change(n: u64) {
    let _ = n;
}

/// Another process that owes `t`, `k1` and `k2`, and how many names that are.
fn owing(url: &str, directory: &Directory, more: &[(&str, &str)]) -> (Process, String) {
    let directory = directory.0.to_str().expect("it is ours, and ASCII");
    let environment = [&[("OWING_URL", url), ("OWING_DIRECTORY", directory)], more].concat();
    Process::start("the_process_that_dies", "owing ", &environment)
}

fn keys() -> [Key; 4] {
    [Key::new("tagged").tag("t"), Key::new("k1"), Key::new("k2"), Key::new("other")]
}

/// What the other process will owe, and something that it will not.
async fn store(url: &str) {
    let cache = alone(at(url)).await;
    for key in keys() {
        cache.put(&key, &1u8, TTL).await.expect("up");
    }
}

/// The names under which that is stored.
const STORED: [&str; 5] = ["owing:e:k1", "owing:e:k2", "owing:e:other", "owing:e:tagged", "owing:t:t"];

/// What of it is there for a process that owes nothing.
async fn there(url: &str) -> [bool; 4] {
    let cache = alone(at(url)).await;
    let mut there = [false; 4];
    for (key, there) in keys().iter().zip(&mut there) {
        *there = cache.get::<u8>(key).await.expect("up").is_some();
    }
    there
}

const ALL: [bool; 4] = [true; 4];
const WHAT_IS_NOT_OWED: [bool; 4] = [false, false, false, true];
const NOTHING: [bool; 4] = [false; 4];

/// A cache on the directory has delivered all that was found there.
async fn delivers(url: &str, directory: &Directory) {
    let heir = at(url).recovery_dir(&directory.0).build().expect("in order");
    eventually("delivered", async || heir.health().owed == 0).await;
    heir.shutdown().await.expect("nothing is owed");
    drop(heir);
    eventually("nothing is left behind", async || directory.files().is_empty()).await;
}

#[tokio::test]
async fn what_a_killed_process_owed_is_delivered_by_the_next() {
    on_each_topology(async |servers| {
        for (mode, more) in [
            (Mode::Refuse, &[][..]),
            (Mode::Reset, &[("OWING_MUTATION", "")]),
            (Mode::BlackHole, &[]),
            (Mode::BlackHoleRequests, &[("OWING_MUTATION", "")]),
        ] {
            let directory = Directory::new();
            store(&servers.url()).await;
            servers.network(mode);
            let (owing, count) = owing(&servers.url(), &directory, more);
            assert_eq!(count, if more.is_empty() { "3" } else { "4" }, "{mode:?}");
            owing.kill();
            assert_eq!(servers.keys(), STORED, "nobody told the server: {mode:?}");
            servers.mend();
            delivers(&servers.url(), &directory).await;
            assert_eq!(there(&servers.url()).await, WHAT_IS_NOT_OWED, "{mode:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_owed_to_a_server_that_was_paused_is_delivered() {
    let server = RedisServer::start();
    let directory = Directory::new();
    store(&server.url()).await;
    server.pause();
    let (owing, _) = owing(&server.url(), &directory, &[]);
    owing.kill();
    server.resume();
    delivers(&server.url(), &directory).await;
    assert_eq!(there(&server.url()).await, WHAT_IS_NOT_OWED);
}

#[tokio::test]
async fn too_much_is_everything_also_across_a_crash() {
    on_each_topology(async |servers| {
        let directory = Directory::new();
        store(&servers.url()).await;
        servers.owner("somebody").command(&["SET", "somebody", "else's"]);
        servers.network(Mode::Refuse);
        let (owing, count) = owing(&servers.url(), &directory, &[("OWING_LIMIT", "2")]);
        assert_eq!(count, "1", "everything counts as one");
        owing.kill();
        servers.mend();
        delivers(&servers.url(), &directory).await;
        assert_eq!(there(&servers.url()).await, NOTHING);
        assert_eq!(servers.keys(), ["somebody"]);
    })
    .await;
}

#[tokio::test]
async fn what_a_living_process_owes_is_left_to_it() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    proxy.set(Mode::Refuse);
    let directory = Directory::new();
    store(&server.url()).await;
    let (owing, _) = owing(&proxy.url(), &directory, &[]);
    let early = at(server.url()).recovery_dir(&directory.0).build().expect("in order");
    assert_eq!(early.health().owed, 0);
    assert_eq!(directory.files().len(), 2);
    // Another namespace's is not looked at, also when its process is dead.
    owing.kill();
    let other = at(server.url()).namespace("other").recovery_dir(&directory.0).build().expect("in order");
    assert_eq!(other.health().owed, 0);
    drop((early, other));
    assert_eq!(there(&server.url()).await, ALL);
    eventually("theirs are gone", async || directory.files().len() == 1).await;
    delivers(&server.url(), &directory).await;
    assert_eq!(there(&server.url()).await, WHAT_IS_NOT_OWED);
}

#[tokio::test]
async fn a_journal_that_is_cut_off_or_damaged_stands_for_everything() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    proxy.set(Mode::Refuse);
    let directory = Directory::new();
    let (owing, _) = owing(&proxy.url(), &directory, &[]);
    owing.kill();
    let (path, whole) = directory.journal();
    let damages: [fn(&mut Vec<u8>); 5] = [
        |bytes| bytes.truncate(bytes.len() - 1),
        |bytes| bytes.truncate(5),
        |bytes| bytes[0] ^= 0xff,
        |bytes| bytes[20] ^= 1,
        |bytes| bytes.extend([0; 7]),
    ];
    for (number, damage) in damages.into_iter().enumerate() {
        store(&server.url()).await;
        let mut damaged = whole.clone();
        damage(&mut damaged);
        std::fs::write(&path, damaged).expect("it can be written");
        delivers(&server.url(), &directory).await;
        assert_eq!(there(&server.url()).await, NOTHING, "damage {number}");
    }
    // What is whole is taken by its word, and what is empty owes nothing.
    for (bytes, expected) in [(whole, WHAT_IS_NOT_OWED), (Vec::new(), ALL)] {
        store(&server.url()).await;
        std::fs::write(&path, bytes).expect("it can be written");
        delivers(&server.url(), &directory).await;
        assert_eq!(there(&server.url()).await, expected);
    }
}

#[test]
fn a_directory_that_cannot_be_used_is_named() {
    let directory = Directory::new();
    let file = directory.0.join("file");
    std::fs::write(&file, "").expect("it can be written");
    for unusable in [file.clone(), file.join("below")] {
        let error = at("redis://127.0.0.1:1").recovery_dir(&unusable).build().expect_err("it is no directory");
        assert_eq!(error.kind(), ErrorKind::Config);
        let message = error.to_string();
        assert!(message.contains("`recovery_dir`") && message.contains("file"), "{message}");
    }
    // One that is not there is made.
    let below = directory.0.join("a/b");
    at("redis://127.0.0.1:1").recovery_dir(&below).build().expect("it can be made");
    assert!(below.is_dir());
}

#[test]
fn many_processes_may_begin_at_the_same_moment() {
    let directory = Directory::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100 {
                    at("redis://127.0.0.1:1").recovery_dir(&directory.0).build().expect("the directory is in order");
                }
            });
        }
    });
    assert_eq!(directory.files(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_journal_is_empty_when_nothing_is_owed_and_gone_with_its_cache() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let directory = Directory::new();
    let cache = at(proxy.url()).recovery_dir(&directory.0).owed_limit(5).build().expect("in order");
    assert_eq!(directory.journal().1, Vec::<u8>::new());
    cache.put("k", &1u8, TTL).await.expect("up");
    cache.remove(["k"]).await.expect("up");
    assert_eq!(directory.journal().1, Vec::<u8>::new(), "what is delivered at once is not written down");
    for owed in [1, 5, 8] {
        proxy.set(Mode::Reset);
        for n in 0..owed {
            cache.remove([format!("k{n}")]).await.expect_err("nobody takes it");
        }
        assert_eq!(cache.health().owed, if owed > 5 { 1 } else { owed });
        let written = directory.journal().1;
        assert!(!written.is_empty());
        assert!(written.len() < 40 * owed, "{}", written.len());
        proxy.set(Mode::Pass);
        cache.shutdown().await.expect("delivered");
        assert_eq!(directory.journal().1, Vec::<u8>::new());
    }
    drop(cache);
    eventually("it is gone", async || directory.files().is_empty()).await;
}

#[tokio::test]
async fn a_directory_that_is_lost_costs_only_the_journal() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let directory = Directory::new();
    let cache = at(proxy.url()).recovery_dir(&directory.0).owed_limit(2).build().expect("in order");
    cache.put("k", &1u8, TTL).await.expect("up");
    proxy.set(Mode::Reset);
    std::fs::remove_dir_all(&directory.0).expect("it is ours");
    for n in 0..4 {
        cache.remove([format!("k{n}")]).await.expect_err("nobody takes it");
    }
    proxy.set(Mode::Pass);
    cache.shutdown().await.expect("delivered");
    assert_eq!(server.keys(), Vec::<String>::new());
}

#[test]
fn another_runtime_carries_the_delivery_on() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    for directory in [None, Some(Directory::new())] {
        let first = Runtime::new().expect("there are threads");
        let builder = at(proxy.url());
        let builder = match &directory {
            Some(directory) => builder.recovery_dir(&directory.0),
            None => builder,
        };
        let cache = first.block_on(async {
            store(&server.url()).await;
            let cache = listening(builder).await;
            proxy.set(Mode::Reset);
            cache.invalidate_tags(["t"]).await.expect_err("nobody takes it");
            cache.remove(["k1", "k2"]).await.expect_err("nobody takes it");
            cache
        });
        first.shutdown_timeout(Duration::from_secs(20));
        proxy.set(Mode::Pass);
        let second = Runtime::new().expect("there are threads");
        second.block_on(async {
            assert_eq!(cache.health().owed, 3);
            // Any call will do.
            eventually("delivered", async || {
                let _ = cache.get::<u8>("other").await;
                cache.health().owed == 0
            })
            .await;
            assert_eq!(there(&server.url()).await, WHAT_IS_NOT_OWED);
            hears(&cache).await;
        });
    }
}

#[test]
fn a_cache_that_ends_with_its_runtime_leaves_what_it_owes_to_the_next() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let directory = Directory::new();
    let first = Runtime::new().expect("there are threads");
    first.block_on(async {
        store(&server.url()).await;
        let cache = at(proxy.url()).recovery_dir(&directory.0).build().expect("in order");
        proxy.set(Mode::Reset);
        cache.invalidate_tags(["t"]).await.expect_err("nobody takes it");
        cache.remove(["k1", "k2"]).await.expect_err("nobody takes it");
    });
    first.shutdown_timeout(Duration::from_secs(20));
    assert!(!directory.journal().1.is_empty());
    Runtime::new().expect("there are threads").block_on(async {
        delivers(&server.url(), &directory).await;
        assert_eq!(there(&server.url()).await, WHAT_IS_NOT_OWED);
    });
}

#[invalidates(tags = ["row:{id}"])]
async fn change_row(table: &Table, id: u64) {
    table.change();
}

#[tokio::test]
async fn what_cannot_be_delivered_is_owed_once_and_delivered_later() {
    on_each_topology(async |servers| {
        let (here, there) = (listening(at(servers.url())).await, listening(at(servers.url())).await);
        let table = Table::default();
        is_kept(&here, &table, 1).await;
        is_kept(&there, &table, 1).await;
        assert_eq!((here.stats().invalidations, here.stats().invalidations_deferred), (0, 0));
        servers.network(Mode::Reset);
        for times in 1..=3 {
            here.scope(change_row(&table, 1)).await;
            assert_eq!(see(&here, &table, 1).await, (times, Source::Bypassed), "neither served nor kept");
            let stats = here.stats();
            assert_eq!((stats.invalidations, stats.invalidations_deferred, stats.owed), (times, times, 1));
        }
        assert_eq!(here.health().owed, 1);
        servers.mend();
        here.shutdown().await.expect("delivered");
        assert_eq!((here.health().owed, here.stats().owed), (0, 0));
        is_kept(&here, &table, 1).await;
        is_told(&there, &table, 1).await;
        is_kept(&there, &table, 1).await;
        here.scope(change_row(&table, 1)).await;
        assert_eq!((here.stats().invalidations, here.stats().invalidations_deferred), (4, 3), "this one was delivered");
    })
    .await;
}

#[tokio::test]
async fn a_shutdown_ends_although_nobody_takes_what_is_owed_and_says_how_much_that_is() {
    on_each_topology(async |servers| {
        let cache = listening(at(servers.url())).await;
        servers.network(Mode::Refuse);
        servers.command(&["CLIENT", "KILL", "TYPE", "normal"]);
        cache.invalidate_tags(["t"]).await.expect_err("nobody takes it");
        let late = cache.shutdown().await.expect_err("nobody takes it");
        assert_eq!(late.kind(), ErrorKind::Unavailable);
        assert!(late.to_string().contains("1 invalidation"), "{late}");
        assert_eq!(cache.health().owed, 1, "it stays usable, and goes on to owe it");
        servers.mend();
        cache.shutdown().await.expect("delivered");
        assert_eq!(cache.health().owed, 0);
    })
    .await;
}

/// A user whose reads go on while his removals fail.
fn permit_removals(servers: &Servers, permitted: bool) {
    servers.command(&["ACL", "SETUSER", "app", if permitted { "+unlink" } else { "-unlink" }]);
}

fn as_user(servers: &Servers) -> CacheBuilder {
    servers.command(&["ACL", "SETUSER", "app", "on", ">secret", "~*", "&*", "+@all"]);
    at(servers.url_as("app:secret")).breaker_failures(u32::MAX)
}

#[tokio::test]
async fn what_is_owed_is_void_here_at_once() {
    on_each_topology(async |servers| {
        let table = Table::default();
        for limit in [1, 100] {
            let cache = listening(as_user(servers).owed_limit(limit)).await;
            is_kept(&cache, &table, 1).await;
            permit_removals(servers, false);
            cache.scope(change_row(&table, 1)).await;
            cache.invalidate_tags(["another"]).await.expect_err("nobody takes it");
            assert_eq!(cache.health().owed, limit.min(2));
            for _ in 0..5 {
                assert_eq!(see(&cache, &table, 1).await, (table.now(), Source::Bypassed), "neither served nor kept");
            }
            permit_removals(servers, true);
            cache.shutdown().await.expect("delivered");
            assert_eq!(see(&cache, &table, 1).await, (table.now(), Source::Loaded));
            is_kept(&cache, &table, 1).await;
        }
    })
    .await;
}

#[tokio::test]
async fn too_much_is_everything_in_other_processes_too() {
    on_each_topology(async |servers| {
        let (here, there) = (listening(as_user(servers).owed_limit(2)).await, listening(at(servers.url())).await);
        let table = Table::default();
        is_kept(&there, &table, 1).await;
        let before = epoch(&there);
        permit_removals(servers, false);
        // None of them is the row, whose name is lost among too many.
        for n in 0..3 {
            here.remove([format!("k{n}")]).await.expect_err("nobody takes it");
        }
        assert_eq!(here.health().owed, 1, "everything");
        assert_eq!((see(&there, &table, 1).await, epoch(&there)), ((0, Source::Local), before), "nobody was told");
        permit_removals(servers, true);
        here.shutdown().await.expect("delivered");
        eventually("void", async || epoch(&there) > before).await;
        assert_ne!(see(&there, &table, 1).await.1, Source::Local);
        assert_eq!(table.loads(), 2, "nor is it in Redis any more");
    })
    .await;
}
