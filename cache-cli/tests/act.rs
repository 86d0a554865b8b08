//! `purge`, `tail` and `bench`: what is done, and what is heard of it.

mod steps;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use cache_runtime::Key;
use nix::pty::openpty;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use steps::{Shop, TTL};
use tests::TlsServer;

#[tokio::test]
async fn entries_are_purged() {
    let shop = Shop::stocked().await;
    shop.run(&["purge", "--key", "user:1", "--dry-run"]).exits(0).says("key user:1: 1 entry would go");
    shop.run(&["purge", "--key", "user:1", "--key", "user:99"])
        .exits(0)
        .says("key user:1: 1 entry removed")
        .says("key user:99: nothing is there");
    shop.run(&["purge", "--key", "user:1"]).exits(1);
    let dry = shop.run(&["purge", "--tag", "users", "--dry-run", "--json"]).exits(0).json();
    assert_eq!(
        (&dry["purged"][0]["would"]["entries"], &dry["purged"][0]["purge"]["tag"]),
        (&29.into(), &"users".into())
    );
    shop.run(&["purge", "--tag", "users"]).exits(0).says("all that carries it is void");
    assert_eq!(shop.cache.get::<i32>(Key::new("user:2").tag("user:2").tag("users")).await.expect("up"), None);
    shop.run(&["purge", "--tag", "users"]).exits(1).says("nothing stands under it");
    shop.run(&["purge", "--match", "*:orders", "--dry-run"]).exits(0).says("30 entries would go").says("and 10 more");
    let json = shop.run(&["purge", "--match", "*:orders", "--json"]).exits(0).json();
    assert_eq!(json["purged"][0]["removed"], 30);
    shop.run(&["purge", "--match", "*:orders"]).exits(1).says("nothing is there");
    assert!(shop.cache.exists("settings").await.expect("up"));
    shop.run(&["purge"]).exits(2).notes("required");
}

#[tokio::test]
async fn what_the_server_does_not_take_was_not_purged() {
    let shop = Shop::stocked().await;
    shop.server.command(&["ACL", "SETUSER", "reader", "on", ">pw", "~*", "&*", "+@all", "-eval"]);
    let url = shop.server.url().replacen("://", "://reader:pw@", 1);
    let done = steps::run(shop.command(&["purge", "--key", "settings"]).env("CACHE_URL", url));
    done.exits(3).notes("key settings was not purged");
}

#[tokio::test]
async fn invalidations_are_told_as_they_happen() {
    let shop = Shop::stocked().await;
    let mut command = shop.command(&["tail", "--limit", "3", "--json"]);
    let mut tail = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it was built");
    // It hears from its first moment on; what happens before is not its concern.
    let subscribed = || shop.server.query::<Vec<(String, u64)>>(&["PUBSUB", "NUMSUB", "shop:bus"])[0].1 == 1;
    tests::eventually("it listens", async || subscribed()).await;
    let scanned = || shop.server.calls_of(&["scan"]) >= 1;
    tests::eventually("it has looked for names", async || scanned()).await;
    shop.run(&["purge", "--key", "user:3"]).exits(0);
    shop.run(&["purge", "--tag", "users"]).exits(0);
    shop.run(&["purge", "--key", "stranger"]).exits(1);
    assert_eq!(tail.wait().expect("it ends").code(), Some(0));
    let lines: Vec<Value> = BufReader::new(tail.stdout.take().expect("it is piped"))
        .lines()
        .map(|line| serde_json::from_str(&line.expect("it is text")).expect("it is JSON"))
        .collect();
    assert_eq!(lines[0]["names"][0]["key"], "user:3");
    assert_eq!(lines[1]["names"][0]["tag"], "users");
    assert!(lines[2]["names"][0]["unknown"].as_str().is_some_and(|hash| hash.len() == 16), "{lines:?}");
}

#[tokio::test]
async fn a_tail_ends_while_it_learns_and_goes_on_without_names() {
    let shop = Shop::stocked().await;
    let many = "for i = 1, 100000 do redis.call('SET', 'shop:e:item:' .. i, 'x', 'PX', 600000) end";
    shop.server.command(&["EVAL", many, "0"]);
    let listeners = || shop.server.query::<Vec<(String, u64)>>(&["PUBSUB", "NUMSUB", "shop:bus"])[0].1;
    let mut tail = shop.command(&["tail"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it was built");
    tests::eventually("it listens", async || listeners() == 1).await;
    let process = Pid::from_raw(i32::try_from(tail.id()).expect("it is one"));
    kill(process, Signal::SIGINT).expect("it is ours");
    assert_eq!(tail.wait().expect("it ends").code(), Some(0));
    tests::eventually("it has gone", async || listeners() == 0).await;

    shop.server.command(&["ACL", "SETUSER", "nameless", "on", ">pw", "~*", "&*", "+@all", "-scan"]);
    let url = shop.server.url().replacen("://", "://nameless:pw@", 1);
    let mut command = shop.command(&["tail", "--limit", "1"]);
    let tail = command.env("CACHE_URL", url).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let tail = tail.expect("it was built");
    tests::eventually("it listens", async || listeners() == 1).await;
    shop.run(&["purge", "--key", "user:3"]).exits(0);
    let done = tail.wait_with_output().expect("it ends");
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert_eq!(done.status.code(), Some(0), "{err}");
    assert!(out.contains("unknown") && err.contains("names could not be learnt"), "{out}{err}");
}

#[tokio::test]
async fn this_server_is_measured_and_left_as_it_was() {
    let shop = Shop::stocked().await;
    let before = shop.server.keys();
    let json = shop.run(&["bench", "--seconds", "1", "--json"]).exits(0).json();
    let paths = json["paths"].as_array().expect("it is a list");
    assert_eq!(paths.len(), 9);
    for line in paths {
        assert!(line["per_second"].as_u64().is_some_and(|rate| rate > 0), "{line}");
        assert!(line["ratio"].as_f64().is_some_and(|ratio| ratio > 0.0), "{line}");
    }
    assert_eq!((&paths[0]["path"], &paths[0]["ratio"]), (&"get".into(), &1.0.into()));
    assert_eq!(shop.server.keys(), before);
    shop.run(&["bench", "--seconds", "1"]).exits(0).says("hit of the cache").says("to GET");
}

#[tokio::test]
async fn what_is_measured_lives_until_the_measurement_ends() {
    let shop = Shop::open();
    let mut command = shop.command(&["bench", "--seconds", "600"]);
    let mut bench = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it was built");
    let entry = format!("shop:e:cachectl:bench:{}", bench.id());
    let by_hand = format!("shop:e:cachectl:bench:hand:{}", bench.id());
    for name in [&entry, &by_hand] {
        tests::eventually("it is stored", async || shop.server.query::<i64>(&["PTTL", name]) > 600_000).await;
    }
    bench.kill().expect("it runs");
    bench.wait().expect("it ends");
}

#[tokio::test]
async fn what_is_measured_by_hand_is_reached_as_the_cache_reaches_it() {
    // Only the scheme names the protocol: a user, or a host, may be called like one.
    let shop = Shop::open();
    shop.server.command(&["ACL", "SETUSER", "valkey", "on", ">pw", "~*", "&*", "+@all"]);
    let url = shop.server.url();
    for scheme in ["redis", "valkey"] {
        let url = url.replacen("redis://", &format!("{scheme}://valkey:pw@"), 1);
        let mut bench = shop.command(&["bench", "--seconds", "1"]);
        steps::run(bench.env("CACHE_URL", url)).exits(0).says("GET by hand");
    }

    let server = TlsServer::demanding_certificates();
    let files = std::env::temp_dir().join(format!("cachectl-bench-{}", std::process::id()));
    std::fs::create_dir_all(&files).expect("there is room");
    let (certificate, key) = server.client_pem();
    let file = |name: &str, content: &str| {
        std::fs::write(files.join(name), content).expect("there is room");
        files.join(name).to_str().expect("it is text").to_owned()
    };
    let (certificate, key) = (file("cert.pem", &certificate), file("key.pem", &key));
    let ca = server.ca_path();
    let given = ["--ca", ca.to_str().expect("it is text"), "--cert", &certificate, "--cert-key", &key];
    let mut bench = shop.command(&["bench", "--seconds", "1"]);
    steps::run(bench.args(given).env("CACHE_URL", server.url())).exits(0).says("GET by hand");
    std::fs::remove_dir_all(&files).expect("they are ours");
}

/// What somebody at a terminal sees who types `answer`.
fn at_a_terminal(shop: &Shop, arguments: &[&str], environment: &[(&str, &str)], answer: &str) -> (i32, String) {
    let terminal = openpty(None, None).expect("there are terminals");
    let side = || Stdio::from(terminal.slave.try_clone().expect("a handle can be doubled"));
    let mut command = shop.command(arguments);
    command.env("TERM", "xterm").envs(environment.iter().copied());
    let mut child = command.stdin(side()).stdout(side()).stderr(side()).spawn().expect("it was built");
    drop(command);
    drop(terminal.slave);
    let mut screen = std::fs::File::from(terminal.master);
    screen.write_all(answer.as_bytes()).expect("it takes what is typed");
    let (mut seen, mut part) = (Vec::new(), [0; 4096]);
    // An error is how the end of a terminal looks.
    while let Ok(length @ 1..) = screen.read(&mut part) {
        seen.extend_from_slice(&part[..length]);
    }
    let exit = child.wait().expect("it ends").code().expect("nobody ends it");
    (exit, String::from_utf8_lossy(&seen).into_owned())
}

#[tokio::test]
async fn who_sits_at_a_terminal_is_asked() {
    let shop = Shop::stocked().await;
    let (exit, seen) = at_a_terminal(&shop, &["purge", "--tag", "users"], &[], "n\n");
    assert_eq!(exit, 1, "{seen}");
    assert!(seen.contains("tag users: 30 entries") && seen.contains("purge them from `shop`? [y/N]"), "{seen}");
    assert!(shop.cache.exists(Key::new("user:1").tag("user:1").tag("users")).await.expect("up"));
    let (exit, _) = at_a_terminal(&shop, &["purge", "--tag", "users"], &[], "y\n");
    assert_eq!(exit, 0);
    assert!(!shop.cache.exists(Key::new("user:1").tag("user:1").tag("users")).await.expect("up"));
    let (exit, seen) = at_a_terminal(&shop, &["purge", "--match", "*", "--yes"], &[], "");
    assert_eq!(exit, 0);
    assert!(!seen.contains("[y/N]"), "{seen}");
    shop.cache.put("one", &1, TTL).await.expect("up");
    let (exit, seen) = at_a_terminal(&shop, &["purge", "--key", "one"], &[], "");
    assert_eq!(exit, 0, "one thing needs no question");
    assert!(!seen.contains("[y/N]"), "{seen}");
}

#[tokio::test]
async fn a_question_that_cannot_be_seen_is_a_no() {
    let shop = Shop::stocked().await;
    let run = |arguments: &[&str]| {
        let terminal = openpty(None, None).expect("there are terminals");
        let mut command = shop.command(arguments);
        let typed = Stdio::from(terminal.slave.try_clone().expect("a handle can be doubled"));
        steps::run(command.stdin(typed))
    };
    run(&["purge", "--tag", "users"]).exits(2).notes("give --yes");
    run(&["purge", "--tag", "users", "--json"]).exits(2).notes("give --yes");
    assert!(shop.cache.exists(Key::new("user:1").tag("user:1").tag("users")).await.expect("up"));
    run(&["purge", "--key", "user:1"]).exits(0);
    run(&["purge", "--tag", "users", "--yes", "--json"]).exits(0);
}

#[tokio::test]
async fn a_purge_that_is_late_does_not_say_how_many() {
    let shop = Shop::stocked().await;
    let mut command = shop.command(&["purge", "--key", "settings", "--json"]);
    shop.server.command(&["ACL", "SETUSER", "late", "on", ">pw", "~*", "&*", "+@all", "-eval"]);
    let url = shop.server.url().replacen("://", "://late:pw@", 1);
    let late =
        command.env("CACHE_URL", url).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it was built");
    let refused = || !shop.server.query::<Vec<redis::Value>>(&["ACL", "LOG"]).is_empty();
    tests::eventually("it was refused", async || refused()).await;
    shop.server.command(&["ACL", "SETUSER", "late", "+eval"]);
    let done = late.wait_with_output().expect("it ends");
    let json: Value = serde_json::from_slice(&done.stdout).expect("it is JSON");
    assert_eq!((done.status.code(), &json["purged"][0]["removed"]), (Some(0), &Value::Null), "{json}");
}

#[tokio::test]
async fn colours_and_progress_are_for_terminals() {
    let shop = Shop::open();
    let fill = "for i = 1, 50000 do redis.call('SET', 'shop:e:item:' .. i, 'x', 'PX', 600000) end";
    shop.server.command(&["EVAL", fill, "0"]);
    let (exit, seen) = at_a_terminal(&shop, &["du", "--full"], &[], "");
    assert_eq!(exit, 0, "{seen}");
    assert!(seen.contains("measuring") && seen.contains("/50,000"), "{seen}");
    let (_, seen) = at_a_terminal(&shop, &["explain", "none"], &[], "");
    assert!(seen.contains("\x1b[31mmiss"), "{seen}");
    let (_, seen) = at_a_terminal(&shop, &["explain", "none"], &[("NO_COLOR", "1")], "");
    assert!(seen.contains("miss") && !seen.contains("\x1b[31m") && !seen.contains("\x1b[1m"), "{seen}");
    let piped = shop.run(&["du", "--full"]).exits(0);
    assert!(!piped.err.contains("measuring"), "{}", piped.err);
}
