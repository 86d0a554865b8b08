//! A hit through `#[cached]` beside a hand-written `GET` and decode, in one run, as ratios.
//!
//! Both use the same server, started here, and take turns round by round, so that a change of the machine's speed hits
//! both. What is printed is the median of the rounds' ratios.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use cache_runtime::codec::{Bincode, Codec};
use cache_runtime::{Cache, cached};
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use serde::{Deserialize, Serialize};
use tests::RedisServer;

use crate::spread::median;

const KEYS: u64 = 1_000;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct User {
    id: u64,
    name: String,
    email: String,
    active: bool,
}

impl User {
    fn new(id: u64) -> Self {
        Self { id, name: format!("user number {id}"), email: format!("user{id}@example.com"), active: true }
    }
}

#[cached(key = "user:{id}", ttl = "1h")]
async fn untagged(id: u64) -> User {
    User::new(id)
}

#[cached(key = "tagged:{id}", ttl = "1h", tags = ["user:{id}", "users"])]
async fn tagged(id: u64) -> User {
    User::new(id)
}

async fn by_hand(connection: &MultiplexedConnection, id: u64) -> User {
    let mut connection = connection.clone();
    let bytes: Vec<u8> = connection.get(format!("hand:{id}")).await.expect("the server is up");
    Bincode::decode(&bytes).expect("written below")
}

/// How many calls a second `callers` tasks make together, for `time`.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
async fn rate<F: Future + Send>(callers: u64, time: Duration, call: impl Fn(u64) -> F + Copy + Send + 'static) -> f64
where
    F::Output: Send,
{
    let started = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            tokio::spawn(async move {
                let mut calls = 0u64;
                let mut id = caller * 7919;
                while started.elapsed() < time {
                    id = (id * 6_364_136_223 + 1_442_695) % KEYS;
                    black_box(call(id).await);
                    calls += 1;
                }
                calls
            })
        })
        .collect();
    let mut calls = 0;
    for task in tasks {
        calls += task.await.expect("no call panics");
    }
    calls as f64 / started.elapsed().as_secs_f64()
}

pub(crate) async fn run(quick: bool) -> String {
    let server = RedisServer::start();
    Cache::builder()
        .namespace("bench")
        .redis(server.url())
        // A hit in process asks nobody.
        .local_tier(false)
        .build()
        .expect("in order")
        .install()
        .expect("the first one");
    let client = redis::Client::open(server.url()).expect("a URL");
    let connection = client.get_multiplexed_async_connection().await.expect("up");
    let connection: &'static MultiplexedConnection = Box::leak(Box::new(connection));

    for id in 0..KEYS {
        let mut bytes = Vec::new();
        Bincode::encode(&User::new(id), &mut bytes).expect("has a form");
        connection.clone().set::<_, _, ()>(format!("hand:{id}"), bytes).await.expect("up");
        untagged(id).await;
        tagged(id).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;

    let (rounds, time) = if quick { (5, Duration::from_millis(300)) } else { (15, Duration::from_millis(1_000)) };
    let mut table = String::from("callers  by hand, 1/s   no tag, 1/s  ratio   2 tags, 1/s  ratio\n");
    for callers in [1, 16, 256] {
        let mut columns: [Vec<f64>; 5] = Default::default();
        for _ in 0..rounds {
            let hand = rate(callers, time, move |id| by_hand(connection, id)).await;
            let plain = rate(callers, time, untagged).await;
            let tags = rate(callers, time, tagged).await;
            for (column, value) in columns.iter_mut().zip([hand, plain, plain / hand, tags, tags / hand]) {
                column.push(value);
            }
        }
        let [hand, plain, plain_ratio, tags, tags_ratio] = columns.map(median);
        writeln!(
            table,
            "{callers:>7}  {hand:>12.0}  {plain:>12.0}  {plain_ratio:>5.2}  {tags:>12.0}  {tags_ratio:>5.2}"
        )
        .expect("a string takes everything");
    }
    let stats = Cache::current().stats().total();
    assert_eq!(stats.fail_open, 0, "the cache was in trouble: the figures mean nothing");
    table
}
