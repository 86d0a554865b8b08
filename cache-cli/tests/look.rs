//! `stats`, `ls`, `explain`, `du` and `doctor`: what is told is what is there.

mod steps;

use std::time::Duration;

use cache_runtime::Key;
use steps::{Shop, TTL};
use tests::{RedisCluster, RedisServer, Sentinels};

#[tokio::test]
async fn entries_are_listed() {
    let shop = Shop::stocked().await;
    let listed = shop.run(&["ls", "--match", "user:?"]).exits(0);
    assert_eq!(listed.out.lines().collect::<Vec<_>>(), (0..10).map(|id| format!("user:{id}")).collect::<Vec<_>>());
    shop.run(&["ls", "--limit", "3"]).exits(0).notes("--limit shows more");
    let json = shop.run(&["ls", "--json", "--limit", "3"]).exits(0).json();
    assert_eq!((json["entries"].as_array().map(Vec::len), &json["more"]), (Some(3), &true.into()));
    let long = shop.run(&["ls", "--long", "--match", "user:1:orders"]).exits(0).says("user:1:orders");
    assert!(long.out.contains("KiB") && long.out.contains("s"), "{}", long.out);
    let json = shop.run(&["ls", "--long", "--json", "--match", "settings"]).exits(0).json();
    assert!(json["entries"][0]["ttl_ms"].as_u64().is_some_and(|left| left <= 60_000), "{json}");
    shop.run(&["ls", "--match", "nothing:*"]).exits(1).notes("no entry of `shop` matches `nothing:*`");
}

#[tokio::test]
async fn a_reader_who_leaves_is_no_trouble() {
    let shop = Shop::stocked().await;
    let mut child = shop.command(&["ls"]).stdout(std::process::Stdio::piped()).spawn().expect("it was built");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[tokio::test]
async fn servers_and_namespace_are_counted() {
    let shop = Shop::stocked().await;
    let told = shop.run(&["stats"]).exits(0).says("values     61").says("tags       31").says("version    redis");
    assert!(told.out.contains("noeviction") && told.out.contains("no limit"), "{}", told.out);
    let json = shop.run(&["stats", "--json"]).exits(0).json();
    assert_eq!((json["has"]["values"].as_u64(), json["has"]["tags"].as_u64()), (Some(61), Some(31)));
    assert_eq!(json["servers"][0]["keys"], 92);
    let quick = shop.run(&["stats", "--quick", "--json"]).exits(0).json();
    assert!(quick["has"].is_null());
}

#[tokio::test]
async fn an_entry_is_explained() {
    let shop = Shop::stocked().await;
    shop.run(&["explain", "settings"]).exits(0).says("settings  hit").says("a value");
    let told = shop.run(&["explain", "user:7"]).exits(0).says("user:7 stands").says("users stands");
    assert!(told.out.contains("the present one"), "{}", told.out);
    shop.run(&["explain", "user:7", "--quick"]).exits(1).says("unknown").says("2 tags whose names are not known here");
    shop.run(&["explain", "user:7", "--quick", "--tag", "user:7", "--tag", "users"]).exits(0).says("hit");
    shop.run(&["explain", "user:7", "--tag", "users"]).exits(1).says("other tags than those asked for");
    shop.run(&["explain", "user:99"]).exits(1).says("user:99  miss").says("nothing is there");

    shop.cache.invalidate_tags(["users"]).await.expect("up");
    shop.run(&["explain", "user:7"]).exits(1).says("one of its tags was invalidated").says("user:7 stands");
    let json = shop.run(&["explain", "user:7", "--json", "--tag", "user:7", "--tag", "users"]).exits(1).json();
    assert_eq!((&json["verdict"]["outcome"], &json["verdict"]["reason"]), (&"miss".into(), &"tag_missing".into()));
    assert_eq!(json["tags"][1]["standing"], "missing");
    let loader = async || Ok::<_, std::convert::Infallible>(shop.run(&["explain", "slow"]));
    let why = shop.cache.get_or_load("slow", TTL, || async { loader().await.map(|done| done.exits(1).out) }).await;
    assert!(why.expect("it does not fail").contains("a load is under way"));
}

#[tokio::test]
async fn a_graph_tells_tags_and_templates() {
    let shop = Shop::stocked().await;
    let file = std::env::temp_dir().join(format!("cachectl-graph-{}.json", std::process::id()));
    let function = |name: &str, key: &str, tags: &[&str]| {
        serde_json::json!({
            "place": { "path": format!("shop::{name}"), "file": "src/lib.rs", "line": 1 },
            "key": key, "tags": tags, "ttl_ms": 60_000, "value": "u64",
        })
    };
    let functions =
        [function("get_user", "user:{id}", &["user:{id}", "users"]), function("orders", "user:{id}:orders", &[])];
    let graph = serde_json::json!({ "functions": functions, "invalidations": [], "edges": [] });
    std::fs::write(&file, graph.to_string()).expect("there is room");
    let path = file.to_str().expect("it is text");
    shop.run(&["explain", "user:7", "--quick", "--graph", path]).exits(0).says("shop::get_user").says("users stands");
    shop.run(&["du", "--graph", path]).exits(0).says("user:{id} (get_user)").says("user:{id}:orders (orders)");
    shop.run(&["graph", path]).exits(1).says("nothing invalidates the tag `users`");
    let json = shop.run(&["graph", path, "--json"]).exits(1).json();
    let id = json["findings"][0]["id"].as_str().expect("it has one");
    assert!(json["findings"].as_array().is_some_and(|findings| findings.len() > 1), "{json}");
    let allowed = shop.run(&["graph", path, "--json", "--allow", id]).exits(1).json();
    assert!(!allowed.to_string().contains(id));
    shop.run(&["graph", path, "--format", "mermaid"]).exits(0).says("flowchart LR").says("shop::get_user");
    shop.run(&["graph", path, "--format", "dot"]).exits(0).says("digraph invalidation");
    assert_eq!(shop.run(&["graph", path, "--format", "json"]).exits(0).json(), graph);
    std::fs::remove_file(&file).expect("it is there");
    shop.run(&["graph", path]).exits(2).notes("No such file");
    shop.run(&["graph", "Cargo.toml"]).exits(2).notes("holds no graph");
}

#[tokio::test]
async fn bytes_are_counted_by_template() {
    let shop = Shop::stocked().await;
    let json = shop.run(&["du", "--full", "--json"]).exits(0).json();
    let line = |template: &str| {
        let lines = json["templates"].as_array().expect("it is a list");
        lines.iter().find(|line| line["template"] == template).unwrap_or_else(|| panic!("{template}: {json}")).clone()
    };
    assert_eq!(line("user:{}")["keys"], 30);
    assert_eq!(line("settings")["keys"], 1);
    let orders = line("user:{}:orders");
    assert!(orders["mean_bytes"].as_u64().is_some_and(|bytes| bytes > 1000), "{orders}");
    assert_eq!(orders["bytes"].as_u64(), orders["mean_bytes"].as_u64().map(|mean| mean * 30));
    assert_eq!((&json["keys"], &json["exact"], &json["tags"]["keys"]), (&61.into(), &true.into(), &31.into()));
    let real: u64 = shop.server.query(&["MEMORY", "USAGE", "shop:e:user:7:orders"]);
    assert_eq!(orders["largest_bytes"].as_u64(), Some(real));

    let text = shop.run(&["du"]).exits(0).says("all entries").says("user:{}:orders");
    assert!(text.out.lines().nth(1).is_some_and(|largest| largest.starts_with("user:{}:orders")), "{}", text.out);
    shop.run(&["du", "--top", "1"]).exits(0).says("(2 more)");
    shop.run(&["du", "--match", "nothing"]).exits(1);
}

#[tokio::test]
async fn a_sample_is_near_the_truth() {
    let shop = Shop::open();
    let fill =
        "for i = 1, 20000 do redis.call('SET', 'shop:e:item:' .. i, string.rep('x', 50 + i % 100), 'PX', 60000) end";
    shop.server.command(&["EVAL", fill, "0"]);
    let full = shop.run(&["du", "--full", "--json"]).exits(0).json();
    let sampled = shop.run(&["du", "--sample", "5", "--json"]).exits(0).json();
    assert_eq!((&full["keys"], &sampled["keys"]), (&20_000.into(), &20_000.into()));
    assert_eq!(sampled["exact"], false);
    assert!(sampled["templates"][0]["measured"].as_u64().is_some_and(|measured| measured < 1_500), "{sampled}");
    let (full, sampled) = (full["bytes"].as_f64().expect("a number"), sampled["bytes"].as_f64().expect("a number"));
    assert!((sampled / full - 1.0).abs() < 0.1, "{sampled} of {full}");
}

#[tokio::test]
async fn what_is_not_well_is_found() {
    let well = RedisServer::with_args(&["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]);
    let shop = Shop::at(well);
    shop.cache.put("k", &1, TTL).await.expect("up");
    shop.run(&["doctor", "--probe", "--slow", "10000"])
        .exits(0)
        .says("the history guard is on")
        .says("an entry can be stored, read and removed")
        .says("1 entries have a ttl");

    shop.server.set_raw("shop:e:for:ever", b"x");
    shop.server.set_raw("other:e:for:ever", b"x");
    shop.server.set_raw("shop:t:no end", b"123456789012");
    shop.cache.put("large", &"x".repeat(5000), TTL).await.expect("up");
    shop.server.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    let json = shop.run(&["doctor", "--json", "--large", "4000", "--slow", "10000"]).exits(1).json();
    let findings = json["findings"].as_array().expect("it is a list");
    let ids: Vec<_> = findings.iter().map(|finding| finding["id"].as_str().expect("it has one")).collect();
    assert_eq!(ids, ["policy", "ttl", "tag_ttl", "size"]);
    let keys: Vec<_> = findings[1..].iter().map(|finding| &finding["keys"][0]).collect();
    assert_eq!(keys, ["for:ever", "no end", "large"]);
    assert!(findings.iter().all(|finding| finding["help"].as_str().is_some_and(|help| !help.is_empty())));
    shop.run(&["doctor", "--large", "4000", "--slow", "10000"]).exits(1).says("for:ever").says("help: ");
    assert_eq!(shop.run(&["du", "--json"]).exits(0).json()["tags"]["without_ttl"], 1);
}

#[tokio::test]
async fn what_a_user_may_not_is_found() {
    let server = RedisServer::start();
    server.command(&["ACL", "SETUSER", "little", "on", ">pw", "~*", "+@all", "-info", "-eval", "-subscribe"]);
    let url = server.url().replacen("://", "://little:pw@", 1);
    let shop = Shop::at(server);
    let done = steps::run(shop.command(&["doctor", "--probe", "--json"]).env("CACHE_URL", url)).exits(1);
    let json = done.json();
    let ids: Vec<_> = json["findings"].as_array().expect("a list").iter().map(|finding| &finding["id"]).collect();
    assert_eq!(ids, ["info", "bus", "probe"]);
}

#[tokio::test]
async fn clusters_and_sentinels_are_looked_at_as_well() {
    let cluster = RedisCluster::start(3, 0);
    let sentinels = Sentinels::start(0);
    for url in [cluster.cache_url(), sentinels.url()] {
        let cache = cache_runtime::Cache::builder().namespace("shop").redis(&url).local_tier(false);
        let cache = cache.budget(Duration::from_secs(5)).build().expect("in order");
        for id in 0..20 {
            cache.put(Key::new(format!("user:{id}")).tag("users"), &id, TTL).await.expect("up");
        }
        let run = |arguments: &[&str]| {
            steps::run(steps::bare(arguments).env("REDIS_URL", &url).env("CACHE_NAMESPACE", "shop"))
        };
        let json = run(&["stats", "--json"]).exits(0).json();
        assert_eq!((&json["has"]["values"], &json["has"]["tags"]), (&20.into(), &1.into()));
        assert_eq!(run(&["ls"]).exits(0).out.lines().count(), 20);
        assert_eq!(run(&["du", "--full", "--json"]).exits(0).json()["templates"][0]["keys"], 20);
        run(&["explain", "user:3"]).exits(0).says("users stands");
        run(&["purge", "--tag", "users", "--dry-run"]).exits(0).says("20 entries would go");
        run(&["purge", "--match", "user:*"]).exits(0).says("20 entries removed");
        run(&["bench"]).exits(2).notes("needs one server");
    }
}

#[tokio::test]
async fn who_may_only_look_can_look() {
    let shop = Shop::stocked().await;
    let manual = include_str!("../../docs/operations/cachectl.md");
    let (_, rights) = manual.split_once("ACL SETUSER looks on >password ").expect("it is there");
    let (rights, _) = rights.split_once("```").expect("the block ends");
    let command = ["ACL", "SETUSER", "looks", "on", ">password"].into_iter().chain(rights.split_whitespace());
    shop.server.command(&command.collect::<Vec<_>>());
    let url = shop.server.url().replacen("://", "://looks:password@", 1);
    let run = |arguments: &[&str]| steps::run(shop.command(arguments).env("CACHE_URL", &url));
    run(&["stats"]).exits(0).says("shop");
    run(&["ls", "--long", "--match", "settings"]).exits(0).says("settings");
    run(&["explain", "user:1", "--tag", "user:1", "--tag", "users"]).exits(0).says("users stands");
    run(&["explain", "user:1"]).exits(0).says("users stands");
    run(&["du", "--full"]).exits(0).says("user:{}:orders");
    run(&["purge", "--tag", "users", "--dry-run"]).exits(0).says("30 entries would go");
    // What it finds is `maxmemory`, and nothing that is refused.
    let json = run(&["doctor", "--json", "--slow", "10000"]).exits(1).json();
    let ids: Vec<_> = json["findings"].as_array().expect("a list").iter().map(|finding| &finding["id"]).collect();
    assert_eq!(ids, ["maxmemory"], "{json}");
    assert_eq!(shop.server.query::<Vec<redis::Value>>(&["ACL", "LOG"]), [], "nothing was refused");
    run(&["purge", "--key", "settings"]).exits(3);
}
