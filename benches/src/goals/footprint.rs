//! What an entry and a tag take on the server, beside their names and payloads.

use std::time::Duration;

use cache_runtime::{Cache, Key};
use tests::RedisServer;

use super::Bench;
use crate::table::Row;
use crate::{PATIENCE, by_hand};

/// A few less than a power of two, so that the server's tables are as full as they get in each case, and a key that has ended
/// and is still there does not double them.
const ENTRIES: usize = (1 << 16) - 64;
const WRITERS: usize = 256;
const TTL: Duration = Duration::from_secs(3600);

/// Payloads of 40 to 167 bytes: the server's allocator rounds up, by more or by less.
fn payload(n: usize) -> String {
    let length = 40 + n % 128;
    format!("{n:0>length$}")
}

fn key(n: usize) -> String {
    format!("user:{n:0>7}")
}

/// Bytes that the server uses for an entry, by what `store` stores.
async fn used<F: Future<Output = ()> + Send>(
    store: impl Fn(usize) -> F + Copy + Send + 'static,
    server: &RedisServer,
) -> f64 {
    let used = || -> f64 {
        let info: String = server.query(&["INFO", "memory"]);
        info.lines().find_map(|line| line.strip_prefix("used_memory:")?.parse().ok()).expect("every server counts")
    };
    let before = used();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            tokio::spawn(async move {
                for n in (writer..ENTRIES).step_by(WRITERS) {
                    store(n).await;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("up");
    }
    // The server goes on moving entries to the larger table, and keeps what a busy connection had for buffers as long as two
    // seconds.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let after = used();
    (after - before) / ENTRIES as f64
}

/// The same for one of ours, each entry with that many tags of its own.
async fn ours(tags: usize) -> f64 {
    let server = RedisServer::start();
    let cache = Cache::builder().namespace("b").redis(server.url()).budget(PATIENCE).local_tier(false).build();
    let cache: &'static Cache = Box::leak(Box::new(cache.expect("in order")));
    // What a first call sets up: connections, scripts.
    cache.put(Key::new("first"), &1, Duration::from_millis(1)).await.expect("up");
    let store = move |n: usize| async move {
        let tagged = (0..tags).fold(Key::new(key(n)), |key, tag| key.tag(format!("{tag}:{n:0>7}")));
        cache.put(tagged, &payload(n), TTL).await.expect("up");
    };
    used(store, &server).await
}

/// The same for plain strings.
async fn plain(string: fn(usize) -> (String, Vec<u8>), ttl: Option<Duration>) -> f64 {
    let server = RedisServer::start();
    let client = server.client().await;
    let client: &'static redis::aio::MultiplexedConnection = Box::leak(Box::new(client));
    let store = move |n: usize| async move {
        let (name, value) = string(n);
        let mut set = redis::cmd("SET");
        set.arg(name).arg(value);
        if let Some(ttl) = ttl {
            set.arg("EX").arg(ttl.as_secs());
        }
        set.query_async::<()>(&mut client.clone()).await.expect("up");
    };
    used(store, &server).await
}

pub(super) async fn rows(_: &Bench) -> Vec<Row> {
    const TAGS: usize = 4;
    let (bare, tagged) = (ours(0).await, ours(TAGS).await);
    let tag = (tagged - bare) / TAGS as f64;
    let entry = |n| (format!("b:e:{}", key(n)), by_hand::encoded(&payload(n)));
    let nothing = |n| (format!("b:t:0:{n:0>7}"), Vec::new());
    let name = nothing(0).0.len() as f64;
    vec![
        Row::beyond(
            "Redis memory of an entry",
            "SET EX of the same name and payload",
            "B",
            vec![(bare, plain(entry, Some(TTL)).await)],
            64.0,
        ),
        Row::beyond(
            "Redis memory of an entry",
            "the same without an end",
            "B",
            vec![(bare, plain(entry, None).await)],
            64.0,
        ),
        Row::beyond("Redis memory of a live tag", "its name", "B", vec![(tag, name)], 64.0),
        Row::beyond(
            "Redis memory of a live tag",
            "SET EX of its name and nothing",
            "B",
            vec![(tag, plain(nothing, Some(TTL)).await)],
            64.0,
        ),
    ]
}
