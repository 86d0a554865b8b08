//! Ten thousand requests with wrong, missing, oversized and malformed input: no panic, no 5xx, and nothing changes hands
//! without the token.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use cache_admin::Admin;
use cache_runtime::{Cache, Key, cached};
use fastrand::Rng;
use tests::RedisServer;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const REQUESTS: usize = 10_000;
const CALLERS: usize = 8;
const TOKEN: &str = "the-token-of-the-night-shift";
/// The names that those with the token may purge: nothing is under them.
const NOBODYS: &str = "nobodys:";
/// An answer takes no longer, on whatever machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[cached(key = "hostile:{id}", ttl = "10m", tags = ["hostile"], cache = cache, skip(cache))]
async fn hostile(cache: &Cache, id: u64) -> u64 {
    id
}

/// One request, as bytes, and what may come of it.
struct Attack {
    bytes: Vec<u8>,
    /// Whether it carries the right token.
    knows: bool,
    /// Whether it is HTTP at all: then it is answered.
    http: bool,
}

/// Whether the routes have a token, and what is nested below.
#[derive(Clone, Copy, PartialEq)]
enum Door {
    Locked,
    ForLooking,
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_requests_break_nothing_and_purge_nothing() {
    static PANICS: AtomicUsize = AtomicUsize::new(0);
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Relaxed);
        usual(info);
    }));
    let redis = RedisServer::start();
    // A loaded machine is no reason to give the cache up: a 5xx here is the fault of a request.
    let builder = Cache::builder().namespace("hostile-test").redis(redis.url()).budget(Duration::from_secs(20));
    let cache = builder.build().unwrap();
    for id in 0..20 {
        assert_eq!(hostile(&cache, id).await, id);
    }
    cache.shutdown().await.unwrap();
    let changes = Arc::new(Mutex::new(Vec::new()));
    let locked = serve(&cache, &changes, |admin| admin.token("night shift", TOKEN).unwrap()).await;
    let for_looking = serve(&cache, &changes, |admin| admin).await;

    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let callers = (0..CALLERS).map(|number| {
        tokio::spawn(async move {
            let mut rng = Rng::with_seed(seed.wrapping_add(number as u64));
            let mut statuses = std::collections::BTreeMap::new();
            for _ in 0..REQUESTS / CALLERS {
                let (door, addr) =
                    if rng.u8(..4) > 0 { (Door::Locked, locked) } else { (Door::ForLooking, for_looking) };
                let attack = attack(&mut rng, door, addr);
                let status = timeout(PATIENCE, send(addr, &attack)).await.expect("it is answered in time");
                let text = String::from_utf8_lossy(&attack.bytes[..attack.bytes.len().min(400)]).into_owned();
                if attack.http {
                    assert_ne!(status, 0, "no answer to {text}");
                }
                assert!(status < 500, "{status} for {text}");
                let refused = matches!(status, 0 | 400..500);
                assert!(attack.knows || door == Door::ForLooking || refused || is_page(&text), "{status} for {text}");
                *statuses.entry(status).or_insert(0_usize) += 1;
            }
            statuses
        })
    });
    let callers: Vec<_> = callers.collect();
    let mut statuses = std::collections::BTreeMap::new();
    for caller in callers {
        for (status, count) in caller.await.expect("every answer is as it should be") {
            *statuses.entry(status).or_insert(0) += count;
        }
    }
    println!("{statuses:?}");
    assert_eq!(statuses.values().sum::<usize>(), REQUESTS);
    // It was not one wall that all of them ran into.
    for status in [200, 400, 401, 403, 404, 405, 413, 414, 415, 429, 431] {
        assert!(statuses.contains_key(&status), "nothing was answered with {status}: {statuses:?}");
    }

    assert_eq!(PANICS.load(Relaxed), 0);
    for what in changes.lock().unwrap().iter() {
        assert!(what.contains(NOBODYS), "somebody without the token did this: {what}");
    }
    for id in 0..20 {
        let key = Key::new(format!("hostile:{id}")).tag("hostile");
        assert_eq!(cache.get::<u64>(key).await.unwrap(), Some(id), "it was purged");
    }
}

async fn serve(cache: &Cache, changes: &Arc<Mutex<Vec<String>>>, configure: impl FnOnce(Admin) -> Admin) -> SocketAddr {
    let changes = Arc::clone(changes);
    let admin = Admin::new(cache).on_change(move |event| {
        // What failed has changed nothing.
        if event.error.is_none() {
            changes.lock().unwrap().push(event.what.clone());
        }
    });
    let app: Router = Router::new().nest("/admin/cache", configure(admin).router());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
    addr
}

/// The page itself has no data in it, and asks for the token.
fn is_page(text: &str) -> bool {
    let mut words = text.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = path.split('?').next().unwrap_or_default();
    let path = path.find("/admin/cache").map_or(path, |at| &path[at..]);
    matches!(method, "GET" | "HEAD") && (path == "/admin/cache" || path.starts_with("/admin/cache/page/"))
}

fn attack(rng: &mut Rng, door: Door, addr: SocketAddr) -> Attack {
    if rng.u8(..20) == 0 {
        let length = rng.usize(1..400);
        let mut bytes: Vec<u8> = std::iter::repeat_with(|| rng.u8(..)).take(length).collect();
        bytes.extend_from_slice(b"\r\n\r\n");
        return Attack { bytes, knows: false, http: false };
    }
    let knows = door == Door::Locked && rng.u8(..3) == 0;
    let mut path = path(rng);
    if knows {
        // As with bodies.
        path = path.replace("hostile::hostile", "nobodys");
    }
    let method = method(rng, path.contains("/purge") || path.contains("/functions/"));
    // Who knows the token may purge; so that what is there stays there, he names what is nobody's.
    let body = body(rng, knows);
    if rng.u8(..60) == 0 {
        path.push_str(&"a".repeat(70_000));
    }
    let mut head = format!("{method} {path} HTTP/1.1\r\n");
    match rng.u8(..12) {
        0 => {}
        1 => head.push_str("host: evil.example\r\n"),
        _ => head.push_str(&format!("host: {addr}\r\n")),
    }
    if knows {
        head.push_str(&format!("authorization: Bearer {TOKEN}\r\n"));
    } else {
        head.push_str(&credentials(rng));
    }
    if rng.u8(..3) > 0 {
        head.push_str("content-type: application/json\r\n");
    } else if rng.bool() {
        head.push_str(pick(
            rng,
            &["content-type: text/plain\r\n", "content-type: ;;;\r\n", "content-type: \u{fc}\r\n"],
        ));
    }
    if rng.u8(..8) == 0 {
        let odd = [
            "x-forwarded-for: 127.0.0.1\r\n",
            "forwarded: for=127.0.0.1;host=localhost\r\n",
            "origin: http://evil.example\r\n",
            "origin: null\r\n",
            "sec-fetch-site: cross-site\r\n",
            "accept: \u{0}\r\n",
            "expect: 100-continue\r\n",
            "transfer-encoding: identity\r\n",
        ];
        head.push_str(pick(rng, &odd));
    }
    if rng.u8(..80) == 0 {
        head.push_str(&format!("x-large: {}\r\n", "b".repeat(600_000)));
    }
    let length = match rng.u8(..30) {
        0 => "content-length: -1\r\n".to_owned(),
        1 => format!("content-length: {}\r\n", u64::MAX),
        2 => "transfer-encoding: chunked\r\n".to_owned(),
        _ => format!("content-length: {}\r\n", body.len()),
    };
    let whole = length == format!("content-length: {}\r\n", body.len());
    head.push_str(&length);
    // What is not true to its own length may be waited for until the client hangs up, and what is refused before it was
    // read may be cut off together with the answer.
    let http = whole
        && body.len() < 4_096
        && head.len() < 4_096
        && !head.contains('\u{0}')
        && !head.contains("transfer-encoding");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(b"connection: close\r\n\r\n");
    bytes.extend_from_slice(&body);
    Attack { bytes, knows, http }
}

fn method(rng: &mut Rng, changes: bool) -> &'static str {
    match rng.u8(..10) {
        0 => pick(rng, &["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "HEAD", "get", "BREW"]),
        1 => pick(rng, &["GET", "POST"]),
        _ if changes => "POST",
        _ => "GET",
    }
}

fn path(rng: &mut Rng) -> String {
    let routes = [
        "/stats",
        "/health",
        "/functions",
        "/policy",
        "/graph",
        "/history",
        "/me",
        "/server",
        "/entries",
        "/entries",
        "/entries/hostile:1",
        "/entries/",
        "/entries//",
        "/entries/%00",
        "/entries/%ff%fe",
        "/entries/%zz",
        "/entries/a/b/c",
        "/entries/..%2f..",
        "/page/main.js",
        "/page/nothing.js",
        "/page/..%2fCargo.toml",
        "",
        "/",
        "/feed?x=1",
        "/../stats",
        "/PURGE",
        "/purge/",
        "/functions/hostile::hostile",
        "/functions/%00",
        "/functions/nobodys",
        "/functions/",
        "/\u{e4}\u{f6}",
    ];
    let route = if rng.u8(..3) == 0 { "/purge" } else { pick(rng, &routes) };
    let mut path = format!("/admin/cache{route}");
    if rng.u8(..3) == 0 {
        let queries = [
            "?match=hostile:*",
            "?match=[[[[",
            "?match=%ff",
            "?match=",
            "?limit=0",
            "?limit=-1",
            "?limit=1e9",
            "?limit=99999999999999999999",
            "?cursor=",
            "?cursor=1",
            "?cursor=1@nowhere:1",
            "?cursor=@@@",
            "?minutes=0",
            "?minutes=61",
            "?minutes=18446744073709551615",
            "?after_ms=18446744073709551615",
            "?dry_run=true",
            "?token=x",
            "?match=a&match=b",
            "?=&=&=",
            "?%",
            "?minutes=5&after_ms=18446744073709551614",
            "?limit=1000&match=*",
        ];
        path.push_str(pick(rng, &queries));
    }
    path
}

fn credentials(rng: &mut Rng) -> String {
    match rng.u8(..10) {
        0..3 => String::new(),
        3 => "authorization: Bearer\r\n".to_owned(),
        4 => "authorization: Bearer \r\n".to_owned(),
        5 => format!("authorization: Basic {TOKEN}\r\n"),
        6 => format!("authorization: Bearer {TOKEN}x\r\n"),
        7 => format!("authorization: Bearer {}\r\n", &TOKEN[1..]),
        8 => format!("authorization: Bearer {TOKEN}\r\nauthorization: Bearer {TOKEN}\r\n"),
        _ => format!("authorization: Bearer {}\r\n", "c".repeat(rng.usize(..5_000))),
    }
}

fn body(rng: &mut Rng, knows: bool) -> Vec<u8> {
    let name = if knows { NOBODYS } else { pick(rng, &["hostile", "hostile:1", "*", "hostile:*", "hostile::hostile"]) };
    let text = match rng.u8(..24) {
        0..4 => format!(r#"{{"tag": "{name}"}}"#),
        4..6 => format!(r#"{{"key": "{name}"}}"#),
        6..8 => format!(r#"{{"pattern": "{name}"}}"#),
        8 => format!(r#"{{"function": "{name}"}}"#),
        9 => format!(r#"{{"tag": "{name}", "dry_run": true}}"#),
        10 => format!(r#"{{"tag": "{name}", "dry_run": "yes"}}"#),
        11 => format!(r#"{{"tag": "{name}", "dryrun": true}}"#),
        12 => format!(r#"{{"tag": "{name}", "tag": "{name}"}}"#),
        13 => format!(r#"{{"tag": "{name}", "key": "{name}"}}"#),
        14 => r#"{"tag": ""}"#.to_owned(),
        15 => "{}".to_owned(),
        16 => "[".repeat(rng.usize(1..8_000)),
        17 => format!("{}1{}", r#"{"tag":"#.repeat(500), "}".repeat(500)),
        18 => format!(r#"{{"key": "{NOBODYS}{}"}}"#, "d".repeat(rng.usize(1..40_000))),
        19 => {
            pick(rng, &["null", "1e999", "\"\"", "\u{feff}{}", r#"{"enabled": null}"#, r#"{"ttl": "-1s"}"#]).to_owned()
        }
        20 => pick(rng, &[r#"{"enabled": 1}"#, r#"{"ttl_ms": 0}"#, r#"{"ttl_ms": 18446744073709551616}"#]).to_owned(),
        21 => String::new(),
        22 => {
            let length = rng.usize(1..300);
            return std::iter::repeat_with(|| rng.u8(..)).take(length).collect();
        }
        _ => "e".repeat(rng.usize(16_000..200_000)),
    };
    text.into_bytes()
}

fn pick<'a>(rng: &mut Rng, choices: &[&'a str]) -> &'a str {
    choices[rng.usize(..choices.len())]
}

/// Sends it on a connection of its own, hangs up, and gives the status; 0 if there was no answer.
async fn send(addr: SocketAddr, attack: &Attack) -> u16 {
    let stream = TcpStream::connect(addr).await.expect("the service accepts connections");
    let (reading, mut writing) = stream.into_split();
    let written = async {
        // The service may refuse it before it is whole.
        let _ = writing.write_all(&attack.bytes).await;
        writing
    };
    let read = async {
        let mut reader = BufReader::new(reading);
        let mut line = Vec::new();
        let _ = reader.read_until(b'\n', &mut line).await;
        let status = String::from_utf8_lossy(&line).split(' ').nth(1).and_then(|status| status.parse().ok());
        // Part of a body is enough: a feed would not end.
        let mut rest = vec![0; 2_048];
        let _ = timeout(Duration::from_millis(1), reader.read(&mut rest)).await;
        status.unwrap_or(0)
    };
    let whole = async {
        let mut writing = written.await;
        if !attack.http {
            // Whoever waits for more is told that there is none.
            let _ = writing.shutdown().await;
        }
        // Kept open: to a service, who hangs up does not want the answer.
        writing
    };
    tokio::join!(whole, read).1
}
