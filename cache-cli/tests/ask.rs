//! How it is asked: environment, mistakes, secrets, exit codes, manuals.

mod steps;

use std::process::{Command, Stdio};

use steps::{Shop, TTL, bare, run};
use tests::RedisServer;

#[tokio::test]
async fn the_server_is_that_of_the_environment() {
    let shop = Shop::stocked().await;
    let (url, nowhere) = (shop.server.url(), "redis://127.0.0.1:1");
    let ls = || bare(&["ls", "--namespace", "shop", "--match", "settings"]);
    for name in ["CACHE_URL", "VALKEY_URL", "REDIS_URL"] {
        run(ls().env(name, &url)).exits(0).says("settings");
    }
    run(ls().env("CACHE_URL", &url).env("VALKEY_URL", nowhere).env("REDIS_URL", nowhere)).exits(0);
    run(ls().env("VALKEY_URL", &url).env("REDIS_URL", nowhere)).exits(0);
    run(ls().env("CACHE_URL", "").env("REDIS_URL", &url)).exits(0);
    run(ls().env("CACHE_URL", nowhere).args(["--url", &url])).exits(0);
    run(&mut ls()).exits(2).notes("no server is named").notes("--url redis://");
    run(ls().env("CACHE_URL", nowhere)).exits(3);
    run(ls().env("CACHE_URL", "nonsense")).exits(2).notes("is not a URL");
    run(bare(&["ls", "--namespace", "a b", "--url", &url]).env("X", "")).exits(2).notes("namespace");
}

#[tokio::test]
async fn what_services_are_told_by_the_environment_is_not_for_it() {
    let shop = Shop::stocked().await;
    for (name, value) in [("CACHE_POLICY", "/nowhere/policy.toml"), ("CACHE_DISABLED", "1")] {
        let told = |arguments: &[&str]| run(shop.command(arguments).env(name, value));
        told(&["explain", "settings"]).exits(0).says("settings  hit");
        told(&["doctor", "--probe", "--quick"]).says("an entry can be stored, read and removed");
        told(&["bench", "--seconds", "1"]).exits(0).says("hit of the cache");
    }
}

#[tokio::test]
async fn who_does_not_know_his_namespace_is_told_which_there_are() {
    let shop = Shop::stocked().await;
    shop.server.set_raw("till:e:k", b"x");
    shop.server.set_raw("unrelated", b"x");
    let ls = || bare(&["ls", "--url", &shop.server.url()]);
    run(&mut ls()).exits(2).notes("the server has shop (61 entries), till (1 entries)").notes("--namespace shop");
    let json = run(ls().arg("--json")).exits(2);
    let error: serde_json::Value = serde_json::from_str(&json.err).expect("it is JSON");
    assert_eq!((&error["error"]["exit"], json.out.as_str()), (&2.into(), ""));
    let empty = RedisServer::start();
    run(&mut bare(&["ls", "--url", &empty.url()])).exits(2).notes("the server has none");
}

#[tokio::test]
async fn a_password_is_never_shown() {
    const SECRET: &str = "hunter2secret";
    let server = RedisServer::with_args(&["--requirepass", SECRET]);
    let url = server.url();
    assert!(url.contains(SECRET));
    let shop = Shop::at(server);
    shop.cache.put("k", &1, TTL).await.expect("up");
    let wrong = url.replace(SECRET, "hunter2secret-but-wrong");
    let port = shop.server.port().to_string();
    let away = url.replace(&port, "1");
    let misplaced = format!("mysql://:{SECRET}@host");
    let unreadable = format!("redis://:{SECRET}@host:port");
    for (exit, arguments) in [
        (0, vec!["stats", "--url", &url]),
        (0, vec!["explain", "k", "--url", &url]),
        (0, vec!["bench", "--seconds", "1", "--url", &url]),
        (3, vec!["stats", "--url", &wrong]),
        (3, vec!["bench", "--seconds", "1", "--url", &wrong]),
        (3, vec!["stats", "--url", &away]),
        (2, vec!["stats", "--url", &misplaced]),
        (2, vec!["stats", "--url", &unreadable]),
        (2, vec!["stats", &url]),
        (2, vec![&url]),
    ] {
        for json in [None, Some("--json")] {
            let done = run(bare(&arguments).args(json).args(["--namespace", "shop"])).exits(exit);
            assert!(!done.out.contains(SECRET) && !done.err.contains(SECRET), "{done:?}");
        }
    }

    // White space in it, in a URL that is none: an error quotes that.
    let spaced = format!("redis://:{SECRET} and more@host:port");
    let says_nothing = |command: &mut Command| {
        let done = run(command).exits(2);
        assert!(
            ![SECRET, "and more"].iter().any(|part| done.err.contains(part) || done.out.contains(part)),
            "{done:?}"
        );
    };
    for json in [None, Some("--json")] {
        says_nothing(bare(&["stats", "--namespace", "shop", "--url", &spaced]).args(json));
        says_nothing(bare(&["stats", "--namespace", "shop", &spaced]).args(json));
        says_nothing(bare(&[&spaced]).args(json));
        for name in ["CACHE_URL", "VALKEY_URL", "REDIS_URL"] {
            says_nothing(bare(&["stats", "--namespace", "shop"]).env(name, &spaced).args(json));
        }
    }

    // Nor in the process title, while it runs.
    let mut command = bare(&["tail", "--quick", "--namespace", "shop", "--url", &url]);
    let mut tail = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it was built");
    let listens = || shop.server.text(&["PUBSUB", "NUMSUB", "shop:bus"]).ends_with('1');
    tests::eventually("it listens", async || listens()).await;
    let title = std::fs::read(format!("/proc/{}/cmdline", tail.id())).expect("it runs");
    tail.kill().expect("it runs");
    tail.wait().expect("it ends");
    let title = String::from_utf8_lossy(&title);
    assert!(title.contains("tail") && !title.contains(SECRET), "{title}");
}

#[test]
fn mistakes_say_what_is_right() {
    run(&mut bare(&["explode"])).exits(2).notes("unrecognized subcommand 'explode'");
    run(&mut bare(&["explain"])).exits(2).notes("<KEY>");
    run(&mut bare(&[])).exits(2).notes("Usage: cachectl");
    run(&mut bare(&["du", "--sample", "0"])).exits(2).notes("1..=100");
    run(&mut bare(&["--help"])).exits(0).says("Exit codes:").says("CACHE_NAMESPACE");
    run(&mut bare(&["--version"])).exits(0).says("cachectl ");
}

#[test]
fn shells_and_manuals_are_served() {
    for (shell, mark) in [("bash", "complete -F"), ("zsh", "#compdef cachectl"), ("fish", "complete -c cachectl")] {
        run(&mut bare(&["completions", shell])).exits(0).says(mark).says("explain");
    }
    run(&mut bare(&["man"])).exits(0).says(".TH cachectl 1").says("explain");
    let directory = std::env::temp_dir().join(format!("cachectl-man-{}", std::process::id()));
    run(&mut bare(&["man", "--out", directory.to_str().expect("it is text")])).exits(0);
    for page in ["cachectl.1", "cachectl-explain.1", "cachectl-du.1"] {
        let text = std::fs::read_to_string(directory.join(page)).expect("it was written");
        assert!(text.contains(".TH"), "{page}");
    }
    std::fs::remove_dir_all(directory).expect("it is there");
}

/// The document names whatever can be typed, and every exit code.
#[test]
fn the_document_is_about_all_of_it() {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operations/cachectl.md");
    let document = std::fs::read_to_string(document).expect("it is there");
    let help = run(&mut bare(&["--help"])).exits(0).out;
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let commands: Vec<_> = commands.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(commands.contains(&"doctor"), "{help}");
    for command in commands {
        assert!(document.contains(&format!("`cachectl {command}")), "{command}");
        let help = run(&mut bare(&[command, "--help"])).exits(0).out;
        let options = help.split_whitespace().filter(|word| word.starts_with("--"));
        for option in options {
            let option = option.trim_end_matches(|c: char| !c.is_ascii_lowercase());
            assert!(document.contains(option), "{command} {option}");
        }
    }
}
