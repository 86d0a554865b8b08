//! What an invalidation by tag costs, by the number of entries that carry the tag, and what it leaves on the server.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use cache_runtime::{Cache, Key};
use tests::RedisServer;

use benches::spread::{median, quantile, sorted};
use benches::{PATIENCE, block_on};

const COUNTS: [usize; 3] = [1, 1_000, 100_000];
/// How many tasks write at the same time.
const WRITERS: usize = 256;

async fn run(quick: bool) -> String {
    let mut table = cost(if quick { 500 } else { 5_000 }).await;
    table.push('\n');
    table.push_str(&memory(if quick { 10_000 } else { 100_000 }).await);
    table
}

/// Stores so many entries, each under what `key` says of its number.
async fn store(cache: &Cache, entries: usize, ttl: Duration, key: impl Fn(usize) -> Key + Copy + Send + 'static) {
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let cache = cache.clone();
            tokio::spawn(async move {
                for n in (writer..entries).step_by(WRITERS) {
                    cache.put(key(n), &format!("{n:0>100}"), ttl).await.expect("up");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("up");
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
async fn cost(rounds: usize) -> String {
    let server = RedisServer::start();
    let cache = Cache::builder().namespace("tags").redis(server.url()).budget(PATIENCE).build().expect("in order");
    let ttl = Duration::from_secs(3600);
    let tag = |column: usize| format!("carried-by-{:0>6}", COUNTS[column]);
    let key = move |column: usize, n: usize| Key::new(format!("{column}:{n}")).tag(tag(column));
    for (column, entries) in COUNTS.into_iter().enumerate() {
        store(&cache, entries, ttl, move |n| key(column, n)).await;
    }
    let stamps: Vec<Vec<u8>> =
        (0..COUNTS.len()).map(|column| server.get_raw(&format!("tags:t:{}", tag(column))).expect("stored")).collect();
    let mut client = server.client().await;
    let mut times: [Vec<f64>; COUNTS.len()] = Default::default();
    for round in 0..rounds {
        for at in 0..COUNTS.len() {
            // None of them is always the one behind the longest pause.
            let column = (round + at) % COUNTS.len();
            // With the stamp of before, all its entries stand again.
            let mut back = redis::cmd("SET");
            back.arg(format!("tags:t:{}", tag(column))).arg(&stamps[column]).arg("EX").arg(3600);
            back.query_async::<()>(&mut client).await.expect("up");
            let last = key(column, COUNTS[column] - 1);
            let checked = round % 100 == 0;
            if checked {
                assert!(cache.get::<String>(&last).await.expect("up").is_some(), "it stands before");
            }
            let started = Instant::now();
            cache.invalidate_tags([tag(column)]).await.expect("up");
            times[column].push(started.elapsed().as_secs_f64() * 1e6);
            if checked {
                assert_eq!(cache.get::<String>(&last).await.expect("up"), None, "it does not stand behind");
            }
        }
    }
    let mut table = format!(
        "Time of `invalidate_tags` for one tag: {rounds} rounds, in which the three take turns. Between the rounds all \
         entries are made to\nstand again. Microseconds; the ratio is that of the medians to the first one.\n\n\
         entries with the tag  median    p99  ratio\n"
    );
    let first = median(times[0].clone());
    for (entries, times) in COUNTS.into_iter().zip(times) {
        let times = sorted(times);
        let median = quantile(&times, 0.5);
        writeln!(table, "{entries:>20}  {median:>6.1}  {:>5.1}  {:>5.3}", quantile(&times, 0.99), median / first)
            .expect("a string takes everything");
    }
    table
}

async fn memory(entries: usize) -> String {
    let server = RedisServer::start();
    let ttl = Duration::from_secs(10);
    let cache =
        Cache::builder().namespace("tags").redis(server.url()).budget(PATIENCE).tag_ttl(ttl).build().expect("in order");
    // What a first call sets up: connections, scripts.
    let of_two = |n: usize| Key::new(format!("entry:{n}")).tag("all").tag(format!("own:{n}"));
    cache.put(Key::new("first"), &1, Duration::from_millis(1)).await.expect("up");
    cache.invalidate_tags(["all"]).await.expect("up");
    until_empty(&server).await;

    let mut table = format!(
        "What {entries} entries and their tags leave on a server, each with a tag of its own and one that all carry; \
         the ttl is 10 s,\nof tags 20 s.\n\n\
         moment                      keys  used_memory, KiB\n"
    );
    let mut row = |moment: &str| {
        let info: String = server.query(&["INFO", "memory"]);
        let used: Option<u64> = info.lines().find_map(|line| line.strip_prefix("used_memory:")?.parse().ok());
        let keys: u64 = server.query(&["DBSIZE"]);
        writeln!(table, "{moment:<22}  {keys:>8}  {:>16}", used.expect("every server counts") / 1024)
            .expect("a string takes everything");
    };
    row("before");
    store(&cache, entries, ttl, of_two).await;
    row("stored");
    cache.invalidate_tags(["all"]).await.expect("up");
    row("their tag invalidated");
    until_empty(&server).await;
    row("after the ttl");
    table
}

async fn until_empty(server: &RedisServer) {
    for _ in 0..1_200 {
        if server.query::<u64>(&["DBSIZE"]) == 0 {
            // The server also shrinks its tables, which are empty now.
            tokio::time::sleep(Duration::from_millis(500)).await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("keys without an end: {:?}", server.keys().into_iter().take(10).collect::<Vec<_>>());
}

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        None => println!("{}", block_on(run(false))),
        Some("--quick") => println!("{}", block_on(run(true))),
        Some(_) => return ExitCode::from(2),
    }
    ExitCode::SUCCESS
}
