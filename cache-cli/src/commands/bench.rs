//! `bench`: what a request to this server costs from this machine, by hand and through the cache.

use std::time::{Duration, Instant};

use cache_runtime::{Cache, Key};
use redis::aio::MultiplexedConnection;
use serde::Serialize;
use serde_json::json;

use crate::args::Bench;
use crate::clock;
use crate::exit::{Exit, Problem};
use crate::output::{DIM, count};
use crate::progress::Progress;
use crate::session::Session;

/// How many callers at a time.
const CALLERS: [usize; 3] = [1, 16, 256];
/// Turns of each, so that what else the machine does meets all alike.
const ROUNDS: u64 = 3;
/// What it leaves behind when it is ended in the middle goes by itself, so long after it would have ended.
const MARGIN: Duration = Duration::from_secs(60);

/// What is done again and again.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Path {
    Get,
    Set,
    Hit,
}

const PATHS: [Path; 3] = [Path::Get, Path::Set, Path::Hit];

impl Path {
    fn name(self) -> &'static str {
        match self {
            Self::Get => "GET by hand",
            Self::Set => "SET by hand",
            Self::Hit => "hit of the cache",
        }
    }
}

/// Who does it.
#[derive(Clone)]
struct Caller {
    connection: MultiplexedConnection,
    /// The name that is read and written by hand.
    name: String,
    value: String,
    ttl: Duration,
    cache: Cache,
    key: Key,
}

impl Caller {
    async fn call(&mut self, path: Path) -> Result<(), Problem> {
        match path {
            Path::Get => {
                let got: Option<Vec<u8>> = redis::cmd("GET").arg(&self.name).query_async(&mut self.connection).await?;
                let got = got.is_some_and(|got| got == self.value.as_bytes());
                if got { Ok(()) } else { Err(gone()) }
            }
            Path::Set => {
                let mut set = redis::cmd("SET");
                set.arg(&self.name).arg(&self.value).arg("PX").arg(self.ttl.as_millis() as u64);
                Ok(set.query_async::<()>(&mut self.connection).await?)
            }
            Path::Hit => match self.cache.get::<String>(&self.key).await? {
                Some(_) => Ok(()),
                None => Err(gone()),
            },
        }
    }
}

fn gone() -> Problem {
    Problem::new(Exit::Unreachable, "the value that is read is gone: the server evicts it, or somebody purges")
}

/// What came of a path and so many callers.
#[derive(Serialize)]
struct Line {
    path: Path,
    callers: usize,
    per_second: u64,
    p50_us: u64,
    p99_us: u64,
    /// Of the rate of GET by hand, with as many callers.
    ratio: f64,
}

pub(crate) async fn run(session: &Session, given: &Bench) -> Result<Exit, Problem> {
    if session.url.contains("+cluster://") || session.url.contains("+sentinel://") {
        let help = "give --url redis://host:port, that of a master";
        return Err(Problem::usage("what is done by hand needs one server", help));
    }
    let url = session.url.as_str();
    let client = match url.starts_with("rediss://") || url.starts_with("valkeys://") {
        true => redis::Client::build_with_tls(url, session.tls.clone()),
        false => redis::Client::open(url),
    };
    let client = client.map_err(|error| Problem::new(Exit::Usage, error.category()))?;
    let connection = client.get_multiplexed_async_connection().await?;
    let id = std::process::id();
    let mut caller = Caller {
        connection,
        name: format!("{}:e:cachectl:bench:hand:{id}", session.namespace()),
        value: "x".repeat(given.bytes),
        ttl: Duration::from_secs(given.seconds) + MARGIN,
        cache: session.cache.clone(),
        key: Key::new(format!("cachectl:bench:{id}")),
    };
    caller.cache.put(&caller.key, &caller.value, caller.ttl).await?;
    caller.call(Path::Set).await?;
    let measured = measure(&caller, given).await;
    caller.cache.remove([&caller.key]).await?;
    redis::cmd("UNLINK").arg(&caller.name).query_async::<()>(&mut caller.connection).await?;
    show(session, &measured?)
}

async fn measure(caller: &Caller, given: &Bench) -> Result<Vec<Line>, Problem> {
    let turns = ROUNDS * (CALLERS.len() * PATHS.len()) as u64;
    let turn = Duration::from_secs(given.seconds) / u32::try_from(turns).unwrap_or(u32::MAX);
    let progress = Progress::new("measuring", Some(turns));
    let mut took: Vec<Vec<Vec<u64>>> = vec![vec![Vec::new(); PATHS.len()]; CALLERS.len()];
    for _ in 0..ROUNDS {
        for (callers, took) in CALLERS.iter().zip(&mut took) {
            for (path, took) in PATHS.iter().zip(took) {
                took.extend(calls(caller, *path, *callers, turn).await?);
                progress.advance(1);
            }
        }
    }
    let seconds = turn.as_secs_f64() * ROUNDS as f64;
    let mut lines = Vec::new();
    for (callers, mut took) in CALLERS.into_iter().zip(took) {
        let by_hand = took[0].len().max(1) as f64;
        for (path, took) in PATHS.iter().zip(&mut took) {
            took.sort_unstable();
            let quantile = |part: usize| took.get(took.len() * part / 100).copied().unwrap_or_default() / 1000;
            lines.push(Line {
                path: *path,
                callers,
                per_second: (took.len() as f64 / seconds) as u64,
                p50_us: quantile(50),
                p99_us: quantile(99),
                ratio: took.len() as f64 / by_hand,
            });
        }
    }
    Ok(lines)
}

/// How long each call took, in nanoseconds.
async fn calls(caller: &Caller, path: Path, callers: usize, turn: Duration) -> Result<Vec<u64>, Problem> {
    let end: Instant = clock::now() + turn;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..callers {
        let mut caller = caller.clone();
        tasks.spawn(async move {
            let mut took = Vec::new();
            loop {
                let began = clock::now();
                if began >= end {
                    return Ok::<_, Problem>(took);
                }
                caller.call(path).await?;
                took.push(u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX));
            }
        });
    }
    let mut all = Vec::new();
    while let Some(done) = tasks.join_next().await {
        all.extend(done.map_err(|error| Problem::new(Exit::Unreachable, error.to_string()))??);
    }
    Ok(all)
}

fn show(session: &Session, lines: &[Line]) -> Result<Exit, Problem> {
    let out = session.out;
    if out.json {
        out.document(&json!({ "paths": lines }))?;
        return Ok(Exit::Fine);
    }
    let row = |line: &Line| {
        vec![
            line.path.name().to_owned(),
            line.callers.to_string(),
            count(line.per_second),
            count(line.p50_us),
            count(line.p99_us),
            format!("{:.2}", line.ratio),
        ]
    };
    let rows: Vec<_> = lines.iter().map(row).collect();
    out.table(&["path", "callers", "per second", "p50 us", "p99 us", "to GET"], &rows)?;
    out.note(format_args!(
        "{DIM}hits are read from the server each time; a service keeps them in process as well{DIM:#}"
    ));
    Ok(Exit::Fine)
}
