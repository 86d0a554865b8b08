//! Traffic for the service, so that its admin page moves: `cargo run -p examples --bin load`, beside
//! `cargo run -p examples --bin service`.
//!
//! Most requests read, and prefer a few users, as real ones do; now and then a user is renamed, an order is placed, a user
//! comes and goes. `LOAD_ADDR` is where the service listens (default `127.0.0.1:3000`), `LOAD_PER_SECOND` how many requests
//! are sent (default 150), `LOAD_SECONDS` for how long (default: until ctrl-c).

use std::error::Error;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// So many connections, each with one request under way.
const CONNECTIONS: u32 = 8;
/// Between two lines of report, and before a connection that was lost is made anew.
const REPORT: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_secs(1);

/// What was answered.
#[derive(Default)]
struct Tally {
    requests: AtomicU64,
    /// Server errors, and connections that were lost.
    failed: AtomicU64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let addr: Arc<str> = setting("LOAD_ADDR", "127.0.0.1:3000".to_owned())?.into();
    let per_second: u32 = setting("LOAD_PER_SECOND", 150)?;
    let seconds = setting("LOAD_SECONDS", u64::MAX)?;
    println!("{per_second} requests per second for http://{addr}; ctrl-c ends it");
    let every = Duration::from_secs(1) * CONNECTIONS / per_second.max(1);
    let tally = Arc::new(Tally::default());
    let mut callers = JoinSet::new();
    for _ in 0..CONNECTIONS {
        callers.spawn(call_for_ever(Arc::clone(&addr), every, Arc::clone(&tally)));
    }
    tokio::select! {
        () = report(&tally) => {}
        () = sleep(Duration::from_secs(seconds)) => {}
        pressed = tokio::signal::ctrl_c() => pressed?,
    }
    Ok(())
}

fn setting<T: FromStr>(name: &str, default: T) -> Outcome<T> {
    match std::env::var(name) {
        Ok(given) => given.parse().map_err(|_| format!("`{name}` = `{given}` cannot be used").into()),
        Err(_) => Ok(default),
    }
}

async fn report(tally: &Tally) {
    let mut ticks = interval(REPORT);
    loop {
        ticks.tick().await;
        let (requests, failed) = (tally.requests.swap(0, Relaxed), tally.failed.swap(0, Relaxed));
        if requests + failed > 0 {
            println!("{:.0} per second, {failed} failed", requests as f64 / REPORT.as_secs_f64());
        }
    }
}

async fn call_for_ever(addr: Arc<str>, every: Duration, tally: Arc<Tally>) {
    loop {
        if let Err(error) = call(&addr, every, &tally).await {
            tally.failed.fetch_add(1, Relaxed);
            eprintln!("http://{addr}: {error}; trying again");
        }
        sleep(AGAIN).await;
    }
}

/// Sends requests over one connection until it is lost.
async fn call(addr: &str, every: Duration, tally: &Tally) -> Outcome<()> {
    let mut connection = BufReader::new(TcpStream::connect(addr).await?);
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (method, path, body) = request();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {addr}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        connection.write_all(format!("{head}{body}").as_bytes()).await?;
        let status = answer(&mut connection).await?;
        tally.requests.fetch_add(1, Relaxed);
        if status >= 500 {
            tally.failed.fetch_add(1, Relaxed);
        }
    }
}

/// Reads an answer to its end, and gives its status.
async fn answer(connection: &mut BufReader<TcpStream>) -> Outcome<u16> {
    let (mut status, mut length) = (None, 0);
    loop {
        let mut line = String::new();
        if connection.read_line(&mut line).await? == 0 {
            return Err("the connection ended".into());
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(rest) = line.strip_prefix("http/1.1 ") {
            status = rest.split(' ').next().and_then(|code| code.parse().ok());
        } else if let Some(given) = line.strip_prefix("content-length:") {
            length = given.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await?;
    status.ok_or_else(|| "an answer without a status".into())
}

/// The next request: the method, the path, the body.
fn request() -> (&'static str, String, String) {
    // The product of two draws is small more often than not: a few users are asked for most.
    let user = 1 + fastrand::u64(0..60) * fastrand::u64(0..60) / 60;
    let org = fastrand::u64(1..=3);
    let get = |path: String| ("GET", path, String::new());
    match fastrand::u32(0..1_000) {
        0..600 => get(format!("/users/{user}")),
        600..720 => get(format!("/orgs/{org}/dashboard")),
        720..860 => get(format!("/orgs/{org}")),
        860..970 => {
            let letters = ["a", "ad", "al", "an", "char", "gor", "gra", "jo"];
            get(format!("/search?q={}&limit={}", fastrand::choice(letters).unwrap_or("a"), fastrand::u32(1..6)))
        }
        970..980 => ("POST", "/orders".to_owned(), format!(r#"{{"user_id": {user}, "amount_cents": 4200}}"#)),
        980..990 => ("PATCH", format!("/users/{}", user.min(9)), r#"{"name": "Ada Lovelace"}"#.to_owned()),
        990..995 => ("POST", "/users".to_owned(), format!(r#"{{"org_id": {org}, "name": "Mavis Batey"}}"#)),
        995..998 => ("PATCH", format!("/orgs/{org}"), r#"{"name": "Analytical Engines"}"#.to_owned()),
        _ => ("DELETE", format!("/users/{}", 10 + user), String::new()),
    }
}
