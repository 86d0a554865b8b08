//! When other processes stop serving what one process has invalidated.
//!
//! This program is started again for each of the others. All of them read the same clock, which counts since the
//! machine was started.

use std::fmt::Write as _;
use std::future::poll_fn;
use std::io::{BufRead, BufReader, Lines, Write as _};
use std::pin::pin;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::task::Poll;
use std::time::Duration;

use cache_runtime::{Cache, Key, Source, observe};
use nix::time::{ClockId, clock_gettime};
use redis::AsyncCommands;
use tests::RedisServer;

use benches::block_on;
use benches::spread::{quantile, sorted};

const READERS: usize = 3;
const TTL: Duration = Duration::from_secs(600);
/// Between two looks of a reader at its entry: three that never pause would leave the server no core.
const PAUSE: Duration = Duration::from_micros(20);

/// Nanoseconds, by a clock that all processes of the machine share.
fn now() -> i64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("every Linux has it");
    time.tv_sec() * 1_000_000_000 + time.tv_nsec()
}

fn cache(url: &str) -> Cache {
    Cache::builder().namespace("lag").redis(url).build().expect("in order")
}

fn key() -> Key {
    Key::new("entry").tag("tag")
}

/// What this program does when it was started by itself.
async fn child(role: &str, url: &str) -> ExitCode {
    match role {
        "read" => read(url).await,
        "load" => load(url).await,
        _ => return ExitCode::from(2),
    }
    ExitCode::SUCCESS
}

/// For each line of its input: keeps the entry, says so, looks at it until it is refused, and says when that was.
async fn read(url: &str) {
    let cache = cache(url);
    for _ in std::io::stdin().lines() {
        loop {
            let kept = cache.get_or_load(key(), TTL, || async { Ok::<_, std::convert::Infallible>(7u64) });
            if observe(kept).await.1.source == Source::Local {
                break;
            }
        }
        println!("kept");
        println!("{}", refused(&cache).await);
    }
}

/// The moment after the first look which this process's memory did not answer.
async fn refused(cache: &Cache) -> i64 {
    loop {
        let mut look = pin!(cache.get::<u64>(key()));
        // Only an answer from memory is there at once.
        if poll_fn(|cx| Poll::Ready(look.as_mut().poll(cx).is_pending())).await {
            let refused = now();
            let _ = look.await;
            return refused;
        }
        std::thread::sleep(PAUSE);
    }
}

/// Keeps the server busy until it is killed.
async fn load(url: &str) {
    let client = redis::Client::open(url).expect("a URL");
    let connection = client.get_multiplexed_async_connection().await.expect("up");
    let ask = |mut connection: redis::aio::MultiplexedConnection| async move {
        while connection.get::<_, Option<Vec<u8>>>("nothing").await.is_ok() {}
    };
    let tasks: Vec<_> = (0..64).map(|_| tokio::spawn(ask(connection.clone()))).collect();
    for task in tasks {
        task.await.expect("no task panics");
    }
}

/// This program once more, until it is dropped.
struct Process {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(role: &str, url: &str) -> Self {
        let program = std::env::current_exe().expect("a program has a path");
        let mut child = Command::new(program)
            .args([role, url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started");
        let input = child.stdin.take().expect("piped");
        let output = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self { child, input, output }
    }

    fn go(&mut self) {
        self.input.write_all(b"go\n").expect("it reads until it is dropped");
    }

    fn says(&mut self) -> String {
        self.output.next().expect("it speaks until it is dropped").expect("it speaks text")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn run(quick: bool) -> String {
    let rounds = if quick { 300 } else { 2_000 };
    let server = RedisServer::start();
    let url = server.url();
    let mut readers: Vec<Process> = (0..READERS).map(|_| Process::start("read", &url)).collect();
    let mut table = String::from(
        "Lag of an invalidation by tag: from its return in one process until each of three others has refused the \
         entry that it\nkept in its memory; 0 if they had before it returned. Each looks at the entry, pauses for 20 µs \
         and looks again. Microseconds.\n\n\
         server  rounds  commands/s  lag 0    p50    p99    max  the invalidation itself: p50    p99\n",
    );
    row(&mut table, "idle", rounds, &server, &mut readers).await;
    let load = Process::start("load", &url);
    tokio::time::sleep(Duration::from_millis(300)).await;
    row(&mut table, "busy", rounds, &server, &mut readers).await;
    drop(load);
    table
}

async fn row(table: &mut String, name: &str, rounds: usize, server: &RedisServer, readers: &mut [Process]) {
    let cache = cache(&server.url());
    let commands = || -> f64 {
        let info: String = server.query(&["INFO", "stats"]);
        let processed = info.lines().find_map(|line| line.strip_prefix("total_commands_processed:")?.parse().ok());
        processed.expect("every server counts")
    };
    let (began, processed) = (now(), commands());
    let (mut lags, mut took) = (Vec::new(), Vec::new());
    while lags.len() < rounds {
        for reader in &mut *readers {
            reader.go();
        }
        for reader in &mut *readers {
            assert_eq!(reader.says(), "kept");
        }
        // So that they have looked at it, each at its own time.
        tokio::time::sleep(Duration::from_millis(1)).await;
        let called = now();
        cache.invalidate_tags(["tag"]).await.expect("up");
        let returned = now();
        let refused: Vec<i64> = readers.iter_mut().map(|reader| reader.says().parse().expect("a number")).collect();
        if refused.iter().all(|refused| *refused >= called) {
            let last = refused.into_iter().max().expect("there are readers");
            lags.push((last - returned).max(0) as f64 / 1e3);
            took.push((returned - called) as f64 / 1e3);
        }
    }
    let rate = (commands() - processed) / ((now() - began) as f64 / 1e9);
    assert_eq!(cache.stats().total().fail_open, 0, "the cache was in trouble: the figures mean nothing");
    let (lags, took) = (sorted(lags), sorted(took));
    let none = lags.iter().filter(|lag| **lag == 0.0).count() as f64 / rounds as f64;
    writeln!(
        table,
        "{name:<6}  {rounds:>6}  {rate:>10.0}  {:>4.0}%  {:>5.0}  {:>5.0}  {:>5.0}  {:>28.0}  {:>5.0}",
        none * 100.0,
        quantile(&lags, 0.5),
        quantile(&lags, 0.99),
        lags[lags.len() - 1],
        quantile(&took, 0.5),
        quantile(&took, 0.99),
    )
    .expect("a string takes everything");
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => println!("{}", block_on(run(false))),
        ["--quick"] => println!("{}", block_on(run(true))),
        [role, url] => return block_on(child(role, url)),
        _ => return ExitCode::from(2),
    }
    ExitCode::SUCCESS
}
