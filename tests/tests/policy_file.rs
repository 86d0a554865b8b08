//! A policy file is followed however it is replaced, and a bad one changes nothing.

mod steps;

use std::path::{Path, PathBuf};
use std::time::Duration;

use cache_runtime::policy::Rule;
use cache_runtime::{Cache, ErrorKind, Key, Source, cached, observe};
use steps::prices::{AS_DECLARED, File, OFF, at, new_prices, price, says, see, steer, with};
use steps::process::Process;
use steps::warnings::Warnings;
use steps::{alone, hears, is_idle};
use tests::{RedisServer, eventually};

#[expect(dead_code, reason = "a name to be mistyped")]
#[cached(key = "stock:{id}", ttl = "1h")]
async fn stock(id: u64) -> u64 {
    id
}

#[tokio::test]
async fn a_file_is_followed_however_it_is_replaced() {
    let file = File::new("[function.price]\nenabled = false\n");
    let cache = with(&file);
    assert_eq!(see(&cache, 1, 1).await, (1, Source::Bypassed), "from the start");

    file.write("policy.toml", "[function.price]\nttl = \"5m\"\n");
    says(&cache, Rule::new().ttl(Duration::from_secs(300))).await;
    assert_eq!(see(&cache, 1, 2).await, (2, Source::Loaded));

    // As editors do.
    file.write("new.toml", "[function.price]\nttl = \"6m\"\n");
    std::fs::rename(file.at("new.toml"), file.path()).expect("renamed");
    says(&cache, Rule::new().ttl(Duration::from_secs(360))).await;

    // As a ConfigMap that is mounted: the file is a link into a folder which is itself a link.
    for (folder, ttl) in [("one", 7), ("two", 8)] {
        std::fs::create_dir(file.at(folder)).expect("new");
        file.write(&format!("{folder}/policy.toml"), &format!("[function.price]\nttl = \"{ttl}m\"\n"));
    }
    let point = |to: &str| {
        std::os::unix::fs::symlink(to, file.at("tmp")).expect("new");
        std::fs::rename(file.at("tmp"), file.at("data")).expect("renamed");
    };
    point("one");
    std::fs::remove_file(file.path()).expect("it is there");
    std::os::unix::fs::symlink(Path::new("data/policy.toml"), file.path()).expect("new");
    says(&cache, Rule::new().ttl(Duration::from_secs(420))).await;
    point("two");
    says(&cache, Rule::new().ttl(Duration::from_secs(480))).await;

    std::fs::remove_file(file.path()).expect("it is there");
    eventually("it is missed", async || cache.health().policy_problem.is_some()).await;
    assert!(cache.health().policy_problem.expect("asked").starts_with("cannot be read: "));
    assert_eq!(cache.policy().of("price"), Rule::new().ttl(Duration::from_secs(480)), "as it was");

    file.write("policy.toml", "");
    says(&cache, AS_DECLARED).await;
    assert_eq!(cache.health().policy_problem, None);
}

#[tokio::test]
async fn a_bad_file_changes_nothing_and_is_told_by_line_and_once() {
    let warnings = Warnings::of_all_threads();
    let file = File::new("[function.price]\nenabled = false\n");
    let cache = with(&file);
    file.write("policy.toml", "[function.price]\nenabled = false\n\n[function.stok]\npercent = 101\n");
    eventually("it is noticed", async || cache.health().policy_problem.is_some()).await;
    let problem = "line 4: there is no cached function `stok`; did you mean `stock`? \
                   line 5: percent = 101 is not between 0 and 100; percent = 100 for all keys";
    assert_eq!(cache.health().policy_problem.as_deref(), Some(problem));
    assert_eq!(cache.policy().problem.as_deref(), Some(problem));
    assert_eq!(cache.policy().of("price"), OFF);
    assert_eq!(see(&cache, 1, 1).await, (1, Source::Bypassed));

    file.write("policy.toml", "[function.price]\nenabled = true\n");
    says(&cache, Rule::new().enabled(true)).await;
    eventually("all is well", async || cache.health().policy_problem.is_none()).await;
    let path = file.path().display().to_string();
    let told = warnings.naming(&path);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("line 5: percent = 101"), "{told:?}");
}

#[tokio::test]
async fn a_hand_stands_above_the_file_until_it_is_taken_away() {
    let file = File::new("[function.price]\nenabled = false\npercent = 50\n");
    let cache = with(&file);
    steer(&cache, "price", Rule::new().enabled(true).percent(100.0));
    assert_eq!(see(&cache, 1, 1).await, (1, Source::Loaded));
    file.write("policy.toml", "[function.price]\nenabled = false\nttl = \"5m\"\n");
    let both = Rule::new().enabled(true).percent(100.0).ttl(Duration::from_secs(300));
    says(&cache, both).await;
    assert_eq!(cache.policy().functions[0].by_hand, Rule::new().enabled(true).percent(100.0));
    steer(&cache, "price", AS_DECLARED);
    assert_eq!(cache.policy().of("price"), Rule::new().enabled(false).ttl(Duration::from_secs(300)));
    assert_eq!(see(&cache, 1, 2).await, (2, Source::Bypassed));
}

#[tokio::test]
async fn prefixes_are_of_keys_as_they_are_rendered() {
    let file = File::new(
        "[prefix.\"price:7\"]\nenabled = false\n\n[prefix.\"\"]\nttl = \"x0.5\"\n\n[prefix.\"direct:\"]\nenabled = false\n",
    );
    let cache = with(&file);
    for (id, off) in [(1, false), (7, true), (70, true), (17, false)] {
        see(&cache, id, 0).await;
        let again = if off { (1, Source::Bypassed) } else { (0, Source::Local) };
        assert_eq!(see(&cache, id, 1).await, again, "{id}");
    }
    let left = cache.ttl(price::key(1)).await.expect("in process").expect("it is there");
    assert!(left <= Duration::from_secs(30 * 60), "{left:?}");

    let second = Duration::from_secs(60);
    cache.put("direct:1", &1, second).await.expect("in process");
    cache.put("other:1", &1, second).await.expect("in process");
    assert_eq!(cache.get_many::<i32>(["direct:1", "other:1"]).await.expect("in process"), [None, Some(1)]);
    let left = cache.ttl("other:1").await.expect("in process").expect("it is there");
    assert!(left <= second / 2, "{left:?}");
    assert_eq!(cache.policy().prefixes.len(), 3);
    assert!(cache.policy().functions.iter().any(|policy| policy.function.ends_with("::price") && policy.apart));

    // Also of what is asked for together.
    let server = RedisServer::start();
    let cache = at(server.url()).policy(file.path()).build().expect("in order");
    hears(&cache).await;
    cache.put("other:1", &1, second).await.expect("up");
    cache.put("other:2", &2, second).await.expect("up");
    let all: [Key; 4] = ["other:1".into(), "direct:1".into(), "other:2".into(), "direct:2".into()];
    assert_eq!(cache.get_many::<i32>(all).await.expect("up"), [Some(1), None, Some(2), None]);
}

#[tokio::test]
async fn everything_is_switched_off_and_on_by_the_file() {
    let file = File::new("");
    let cache = with(&file);
    assert_eq!(see(&cache, 1, 0).await, (0, Source::Loaded));
    file.write("policy.toml", "disabled = true\n[function.price]\nenabled = true\n");
    eventually("off", async || cache.health().disabled).await;
    assert_eq!(see(&cache, 1, 1).await, (1, Source::Bypassed));
    cache.scope(new_prices()).await;
    file.write("policy.toml", "disabled = false\n");
    eventually("on", async || !cache.health().disabled).await;
    assert_eq!(see(&cache, 1, 2).await, (2, Source::Loaded));
    assert_eq!(see(&cache, 1, 3).await, (2, Source::Local));
}

#[tokio::test]
async fn a_file_that_is_bad_from_the_start_is_a_bad_setting() {
    let file = File::new("[prefix.\"a\"]\nttl = \"0s\"\n");
    let refused = |path: PathBuf| {
        let error = Cache::builder().policy(path).build().expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Config);
        error.to_string()
    };
    let path = file.path().display().to_string();
    let problem = "line 2: a ttl of zero keeps nothing; to switch the cache off: enabled = false";
    assert_eq!(refused(file.path()), format!("`policy` = {path:?}: {problem}"));
    assert!(refused(file.at("nowhere.toml")).contains("nowhere.toml\": cannot be read: "));
}

/// Runs in the other process, whose environment names a file.
#[tokio::test]
async fn the_process_that_is_given_a_file() {
    if std::env::var("GIVEN_A_FILE").is_err() {
        return;
    }
    let built = Cache::builder().build();
    match &built {
        Ok(cache) => println!("given-a-file {}", cache.policy().of("price")),
        Err(error) => println!("given-a-file {error}"),
    }
    assert_eq!(Cache::local().policy().file, None, "infallible");
    std::future::pending().await
}

#[test]
fn the_environment_names_a_file() {
    let file = File::new("[function.price]\npercent = 5\n");
    let path = file.path().display().to_string();
    let run = |path: &str| {
        let environment = [("GIVEN_A_FILE", "1"), ("CACHE_POLICY", path)];
        Process::start("the_process_that_is_given_a_file", "given-a-file", &environment).1
    };
    assert_eq!(run(&path), "percent = 5");
    assert_eq!(run(""), "");
    file.write("policy.toml", "[function.price]\npercentage = 5\n");
    let refused = run(&path);
    assert!(refused.ends_with("line 2: there is no field `percentage`; did you mean `percent`?"), "{refused}");
}

/// Runs in the other process, which takes its cache from the environment, and that names a bad file.
#[tokio::test]
async fn the_process_that_is_given_a_bad_file() {
    if std::env::var("GIVEN_A_BAD_FILE").is_err() {
        return;
    }
    assert_eq!(observe(price(1, 5)).await.1.source, Source::Bypassed);
    new_prices().await;
    println!("given-a-bad-file done");
    std::future::pending().await
}

#[tokio::test]
async fn who_is_given_a_bad_file_invalidates_all_the_same() {
    let server = RedisServer::start();
    let here = alone(at(server.url())).await;
    see(&here, 1, 0).await;
    is_idle(&here).await;
    assert_eq!(see(&here, 1, 1).await, (0, Source::Redis));
    let file = File::new("percent = 5\n");
    let (url, path) = (server.url(), file.path().display().to_string());
    let environment =
        [("GIVEN_A_BAD_FILE", "1"), ("CACHE_POLICY", &*path), ("CACHE_URL", &*url), ("CACHE_NAMESPACE", "policy")];
    let _process = Process::start("the_process_that_is_given_a_bad_file", "given-a-bad-file", &environment);
    assert_eq!(see(&here, 1, 1).await, (1, Source::Loaded));
}
