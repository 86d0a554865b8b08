//! What is told of an entry is what a read makes of it, and a purge meets what its preview said.

mod steps;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use cache_runtime::inspect::{Explanation, Held, Inspect, Invalidation, Name, Outcome, Purge, Reason, TagStanding};
use cache_runtime::policy::Rule;
use cache_runtime::{Cache, ErrorKind, Key, Source, cached, invalidates, observe};
use serde::{Deserialize, Serialize};
use steps::topologies::on_each_topology;
use steps::{TTL, alone, becomes, is_idle, listening, patient};
use tests::RedisServer;

#[cached(key = "user:{id}", ttl = "10m", tags = ["user:{id}", "users"])]
async fn user(id: u64) -> u64 {
    id
}

#[cached(key = "user:{id}:orders", ttl = "10m")]
async fn orders(id: u64) -> u64 {
    id
}

#[cached(key = "price:{id}", ttl = "10m", version = 2)]
async fn price(id: u64) -> u64 {
    id
}

#[derive(Clone, Serialize, Deserialize)]
struct Member {
    org: u64,
}

#[cached(key = "member:{id}", ttl = "10m", tags = ["members", "org:{return.org}"])]
async fn member(id: u64) -> Member {
    Member { org: id * 10 }
}

#[invalidates(keys = ["user:{id}"], fence)]
async fn rename(inspect: &Inspect, id: u64) -> Explanation {
    inspect.explain(format!("user:{id}")).await.expect("up")
}

#[invalidates(tags = ["users"], fence)]
async fn rename_all(inspect: &Inspect) -> Explanation {
    inspect.explain("user:7").await.expect("up")
}

async fn load_user(cache: &Cache, id: u64) {
    cache.scope(user(id)).await;
    is_idle(cache).await;
}

/// What is told, which is also what a read finds.
#[track_caller]
fn judged(told: &Explanation, reason: Reason, why: &str) {
    let verdict = &told.verdict;
    assert_eq!(verdict.reason, reason, "{told:#?}");
    assert!(verdict.why.contains(why), "{verdict}");
    let outcome = match reason {
        Reason::Stands => Outcome::Hit,
        Reason::UnknownTags => Outcome::Unknown,
        _ => Outcome::Miss,
    };
    assert_eq!(verdict.outcome, outcome);
}

async fn is_read_from_redis(cache: &Cache, id: u64) -> bool {
    cache.scope(observe(user(id))).await.1.source == Source::Redis
}

fn standings(told: &Explanation) -> Vec<(&str, TagStanding)> {
    told.tags.iter().map(|tag| (tag.name.as_deref().unwrap_or("?"), tag.standing)).collect()
}

#[tokio::test]
async fn an_entry_is_told_as_it_is_read() {
    on_each_topology(async |servers| {
        let cache = alone(patient("told", servers.url())).await;
        let inspect = cache.inspect();

        let told = inspect.explain("user:7").await.expect("up");
        judged(&told, Reason::Absent, "nothing is there");
        assert_eq!((told.held, told.bytes, told.ttl_left_ms), (Held::Nothing, 0, None));

        load_user(&cache, 7).await;
        let told = inspect.explain("user:7").await.expect("up");
        judged(&told, Reason::Stands, "its tags all stand");
        assert!(is_read_from_redis(&cache, 7).await);
        assert_eq!(standings(&told), [("user:7", TagStanding::Stands), ("users", TagStanding::Stands)]);
        assert_eq!(told.functions[0].name(), "user");
        assert_eq!((told.held, told.in_process_ms), (Held::Value, None));
        assert!(told.master.is_some_and(|master| master.starts_with("127.0.0.1:")));
        let left = told.ttl_left_ms.expect("it has one");
        assert!((1..=600_000).contains(&left), "{left}");
        let value = told.value.expect("it is one");
        assert!(value.history_is_current && !value.negative && !value.compressed);
        assert_eq!((value.ttl_ms, value.shape.len(), value.history.len()), (600_000, 16, 8));
        assert!(value.payload_bytes > 0 && told.bytes > value.payload_bytes + 24, "{told:?}", told = told.bytes);
        assert!(value.age_ms < 60_000);

        cache.invalidate_tags(["users"]).await.expect("up");
        let told = inspect.explain("user:7").await.expect("up");
        judged(&told, Reason::TagMissing, "the tag `users` was invalidated");
        assert_eq!(standings(&told), [("user:7", TagStanding::Stands), ("users", TagStanding::Missing)]);

        load_user(&cache, 8).await;
        let told = inspect.explain("user:7").await.expect("up");
        judged(&told, Reason::TagVoid, "the tag `users` was invalidated after it was stored");
        assert_eq!(standings(&told)[1], ("users", TagStanding::Void));
        assert!(!is_read_from_redis(&cache, 7).await);
        is_idle(&cache).await;
        judged(&inspect.explain("user:7").await.expect("up"), Reason::Stands, "");
    })
    .await;
}

#[tokio::test]
async fn loads_and_mutations_under_way_are_told() {
    on_each_topology(async |servers| {
        let cache = alone(patient("underway", servers.url())).await;
        let inspect = cache.inspect();
        let loading = async { Ok::<_, Infallible>(inspect.explain("slow").await.expect("up").verdict.why) };
        let why = cache.get_or_load("slow", TTL, || loading).await.expect("it does not fail");
        assert!(why.contains("a load is under way"), "{why}");

        load_user(&cache, 7).await;
        let told = cache.scope(rename_all(&inspect)).await;
        judged(&told, Reason::TagFenced, "a mutation of the tag `users` is under way");
        assert_eq!(standings(&told)[1], ("users", TagStanding::Fenced));
        let told = cache.scope(rename(&inspect, 7)).await;
        judged(&told, Reason::Fenced, "a mutation of it is under way");
        assert_eq!(told.held, Held::Fence);
    })
    .await;
}

#[tokio::test]
async fn an_entry_that_is_not_what_is_read_says_why() {
    on_each_topology(async |servers| {
        let cache = alone(patient("other", servers.url())).await;
        let inspect = cache.inspect();

        // Nothing is known of what a function reads before its first call.
        cache.put("price:7", &"dear".to_owned(), TTL).await.expect("up");
        cache.scope(price(8)).await;
        let told = inspect.explain("price:7").await.expect("up");
        judged(&told, Reason::OtherShape, "another type than `price` reads");
        assert_eq!(cache.scope(observe(price(7))).await.1.source, Source::Loaded);

        cache.put(Key::new("user:9").tag("users"), &9_u64, TTL).await.expect("up");
        cache.scope(user(1)).await;
        let told = inspect.explain("user:9").await.expect("up");
        judged(&told, Reason::OtherTags, "other tags than `user` declares");
        assert!(!is_read_from_redis(&cache, 9).await);

        load_user(&cache, 7).await;
        let name = "other:e:user:7";
        let mut envelope = servers.get_raw(name).expect("it is stored");
        envelope[9] ^= 1;
        servers.owner(name).set_raw(name, &envelope);
        let told = inspect.explain("user:7").await.expect("up");
        judged(&told, Reason::OtherHistory, "before the server was restarted or replaced");
        assert!(told.value.is_some_and(|value| !value.history_is_current));
        assert_eq!(told.ttl_left_ms, None, "it was stored by hand, for ever");
        assert!(!is_read_from_redis(&cache, 7).await);

        envelope[60] ^= 1;
        servers.owner(name).set_raw(name, &envelope);
        judged(&inspect.explain("user:7").await.expect("up"), Reason::Foreign, "damaged");
        servers.owner("other:e:list").command(&["LPUSH", "other:e:list", "x"]);
        let told = inspect.explain("list").await.expect("up");
        judged(&told, Reason::Foreign, "written by something else");
        assert_eq!(told.held, Held::Other);
    })
    .await;
}

#[tokio::test]
async fn without_a_server_an_entry_of_another_type_is_no_hit_either() {
    let cache = Cache::local();
    let inspect = cache.inspect();
    cache.put("price:7", &"dear".to_owned(), TTL).await.expect("local");
    cache.scope(price(8)).await;
    judged(&inspect.explain("price:8").await.expect("local"), Reason::Stands, "");
    judged(&inspect.explain("price:7").await.expect("local"), Reason::OtherShape, "than `price` reads");
    assert_eq!(cache.scope(observe(price(7))).await.1.source, Source::Loaded);
    judged(&inspect.explain("price:7").await.expect("local"), Reason::Stands, "");
}

#[tokio::test]
async fn what_a_policy_makes_of_an_entry_is_told() {
    on_each_topology(async |servers| {
        let cache = alone(patient("steered", servers.url())).await;
        let inspect = cache.inspect();
        let told = async || inspect.explain("user:7").await.expect("up");
        load_user(&cache, 7).await;
        let steer = |rule: Rule| cache.steer("inspect::user", rule).expect("there is one");

        steer(Rule::new().enabled(false));
        judged(&told().await, Reason::SwitchedOff, "by policy");
        assert!(!is_read_from_redis(&cache, 7).await);
        judged(&inspect.explain("user:7:orders").await.expect("up"), Reason::Absent, "");

        steer(Rule::new().ttl(Duration::from_millis(1)));
        becomes(&cache, "it is too old", async || told().await.verdict.reason == Reason::TooOld).await;
        judged(&told().await, Reason::TooOld, "by the policy of this process");
        let elsewhere = alone(patient("steered", servers.url())).await.inspect();
        judged(&elsewhere.explain("user:7").await.expect("up"), Reason::Stands, "");

        steer(Rule::new().scaled(0.5));
        judged(&told().await, Reason::Stands, "");
        assert!(is_read_from_redis(&cache, 7).await);
    })
    .await;

    let cache = Cache::local();
    load_user(&cache, 7).await;
    cache.steer("inspect::user", Rule::new().enabled(false)).expect("there is one");
    judged(&cache.inspect().explain("user:7").await.expect("local"), Reason::SwitchedOff, "");
}

mod more {
    /// One path for both, and one that ends in the path of another function.
    pub(crate) mod inspect {
        use cache_runtime::cached;

        pub(crate) struct One;
        pub(crate) struct Other;

        impl One {
            #[cached(key = "one:{id}", ttl = "10m")]
            pub(crate) async fn shared(id: u64) -> u64 {
                id
            }
        }

        impl Other {
            #[cached(key = "other:{text}:shared", ttl = "10m")]
            pub(crate) async fn shared(text: &str) -> usize {
                text.len()
            }
        }

        #[cached(key = "longer:{id}", ttl = "10m")]
        pub(crate) async fn orders(id: u64) -> u64 {
            id
        }
    }
}

#[tokio::test]
async fn a_purge_by_function_takes_all_on_its_path_and_keys_that_were_cut() {
    let server = RedisServer::start();
    for cache in [Cache::local(), alone(patient("path", server.url())).await] {
        let inspect = cache.inspect();
        let purged = async |name: &str| {
            let purge = Purge::Function(name.into());
            let preview = inspect.preview(&purge).await.expect("up").entries;
            assert_eq!(inspect.purge(&purge).await.expect("up").removed, preview, "{name}");
            preview
        };
        load_user(&cache, 7).await;
        cache.scope(orders(7)).await;
        cache.scope(more::inspect::orders(7)).await;
        cache.scope(more::inspect::One::shared(7)).await;
        cache.scope(more::inspect::Other::shared("short")).await;
        cache.scope(more::inspect::Other::shared(&"long".repeat(200))).await;
        is_idle(&cache).await;
        assert_eq!(purged("shared").await, 3);
        assert_eq!(purged("inspect::orders").await, 1, "the one whose path it is");
        assert_eq!(purged("more::inspect::orders").await, 1);
        let error = inspect.preview(&Purge::Function("orders".into())).await.expect_err("there are two");
        assert!(error.to_string().ends_with("one of `inspect::more::inspect::orders`, `inspect::orders`"), "{error}");
        assert_eq!(all(&inspect, "*").await.into_iter().collect::<Vec<_>>(), ["user:7"]);
    }
}

#[tokio::test]
async fn after_a_restart_nothing_from_before_counts() {
    let mut server = RedisServer::with_args(&["--appendonly", "yes", "--appendfsync", "always"]);
    let cache = alone(patient("restart", server.url())).await;
    load_user(&cache, 7).await;
    server.restart();
    let inspect = cache.inspect();
    becomes(&cache, "the server answers", async || inspect.explain("user:7").await.is_ok()).await;
    judged(&inspect.explain("user:7").await.expect("up"), Reason::OtherHistory, "");
}

#[tokio::test]
async fn an_entry_whose_time_is_over_is_not_there() {
    let server = RedisServer::start();
    let cache = alone(patient("expired", server.url())).await;
    cache.put("short", &1, Duration::from_millis(20)).await.expect("up");
    becomes(&cache, "it expires", async || {
        cache.inspect().explain("short").await.expect("up").verdict.reason == Reason::Absent
    })
    .await;
    assert!(cache.inspect().entries("*", None, 10).await.expect("up").keys.is_empty());
}

#[tokio::test]
async fn tags_that_the_result_named_are_known_by_the_entry() {
    let server = RedisServer::start();
    let cache = alone(patient("found", server.url())).await;
    let inspect = cache.inspect();
    cache.scope(member(7)).await;
    is_idle(&cache).await;
    judged(&inspect.explain("member:7").await.expect("up"), Reason::Hint, "which tags its result names");
    cache.scope(member(7)).await;
    is_idle(&cache).await;
    let told = inspect.explain("member:7").await.expect("up");
    judged(&told, Reason::Stands, "");
    assert_eq!(standings(&told), [("members", TagStanding::Stands), ("org:70", TagStanding::Stands)]);
    assert_eq!(told.tags.iter().map(|tag| tag.from_result).collect::<Vec<_>>(), [false, true]);
    cache.invalidate_tags(["org:70"]).await.expect("up");
    let told = inspect.explain("member:7").await.expect("up");
    judged(&told, Reason::TagMissing, "the tag `org:70` was invalidated");
}

#[tokio::test]
async fn tags_that_nobody_names_are_unknown() {
    let server = RedisServer::start();
    let cache = alone(patient("unknown", server.url())).await;
    let inspect = cache.inspect();
    let odd = Key::new("odd:1").tag("x").tag("y");
    cache.put(&odd, &1, TTL).await.expect("up");
    let told = inspect.explain("odd:1").await.expect("up");
    judged(&told, Reason::UnknownTags, "2 tags whose names are not known here");
    assert_eq!(standings(&told), [("?", TagStanding::Unknown), ("?", TagStanding::Unknown)]);
    judged(&inspect.explain(&odd).await.expect("up"), Reason::Stands, "");
    let other = inspect.explain(Key::new("odd:1").tag("x")).await.expect("up");
    judged(&other, Reason::OtherTags, "than those asked for");
    cache.put("plain", &1, TTL).await.expect("up");
    judged(&inspect.explain("plain").await.expect("up"), Reason::Stands, "present history");

    // The program whose functions they are lends what it knows.
    let mut graph = cache_runtime::graph();
    graph.functions.retain(|function| function.place.name() == "orders");
    load_user(&cache, 7).await;
    let stranger = inspect.clone().with_graph(&graph);
    judged(&stranger.explain("user:7").await.expect("up"), Reason::UnknownTags, "");
    let friend = inspect.with_graph(&cache_runtime::graph());
    judged(&friend.explain("user:7").await.expect("up"), Reason::Stands, "");
}

#[tokio::test]
async fn tags_are_found_by_their_stamps() {
    on_each_topology(async |servers| {
        let cache = alone(patient("stamps", servers.url())).await;
        let inspect = cache.inspect();
        for id in 0..50 {
            cache.put(Key::new(format!("odd:{id}")).tag(format!("x:{id}")).tag("y"), &id, TTL).await.expect("up");
        }
        let told = inspect.explain_searching("odd:7").await.expect("up");
        judged(&told, Reason::Stands, "its tags all stand");
        assert_eq!(standings(&told), [("x:7", TagStanding::Stands), ("y", TagStanding::Stands)]);
        cache.invalidate_tags(["x:7"]).await.expect("up");
        let told = inspect.explain_searching("odd:7").await.expect("up");
        judged(&told, Reason::TagVoid, "one of its tags was invalidated");
        assert_eq!(standings(&told), [("?", TagStanding::Void), ("y", TagStanding::Stands)]);
        let odd = Key::new("odd:7").tag("x:7").tag("y");
        assert_eq!(cache.get::<i32>(&odd).await.expect("up"), None);
        // What is known needs no search.
        load_user(&cache, 7).await;
        let (told, again) = (inspect.explain("user:7").await, inspect.explain_searching("user:7").await);
        assert_eq!(told.expect("up").tags, again.expect("up").tags);
    })
    .await;
}

#[tokio::test]
async fn what_is_under_the_keys_of_a_page_is_told_by_how_it_begins() {
    let server = RedisServer::start();
    let cache = alone(patient("kinds", server.url())).await;
    let inspect = cache.inspect();
    cache.put("value", &1, TTL).await.expect("up");
    cache.scope(member(7)).await;
    is_idle(&cache).await;
    server.set_raw("kinds:e:raw", b"x");
    server.command(&["LPUSH", "kinds:e:list", "x"]);
    let loading = async {
        let page = inspect.entries("*", None, 1).await.expect("up");
        let held = inspect.held(&page).await.expect("up");
        Ok::<_, Infallible>(page.keys.into_iter().zip(held.into_iter().map(|held| format!("{held:?}"))).collect())
    };
    let mut kinds: Vec<(String, String)> =
        cache.get_or_load("loading", TTL, || loading).await.expect("it does not fail");
    kinds.sort();
    let kinds: Vec<_> = kinds.iter().map(|(key, kind)| (key.as_str(), kind.as_str())).collect();
    let expected =
        [("list", "Other"), ("loading", "Token"), ("member:7", "Hint"), ("raw", "Other"), ("value", "Value")];
    assert_eq!(kinds, expected);
}

#[tokio::test]
async fn what_is_owed_misses_here() {
    let server = RedisServer::start();
    server.command(&["ACL", "SETUSER", "mute", "on", ">pw", "~*", "&*", "+@all", "-eval"]);
    let well = alone(patient("owed", server.url())).await;
    well.put("k", &1, TTL).await.expect("up");
    let url = server.url().replacen("://", "://mute:pw@", 1);
    let cache = alone(patient("owed", url)).await;
    assert_eq!(cache.remove(["k"]).await.expect_err("it may not").kind(), ErrorKind::Refused);
    judged(&cache.inspect().explain("k").await.expect("up"), Reason::Owed, "has not heard of that yet");
    judged(&well.inspect().explain("k").await.expect("up"), Reason::Stands, "");
}

#[tokio::test]
async fn what_is_kept_in_process_is_told_as_well() {
    let server = RedisServer::start();
    let cache = listening(patient("kept", server.url())).await;
    load_user(&cache, 7).await;
    let told = cache.inspect().explain("user:7").await.expect("up");
    assert!(told.in_process_ms.is_some_and(|left| left > 0), "{told:?}");
    cache.invalidate_tags(["user:7"]).await.expect("up");
    assert_eq!(cache.inspect().explain("user:7").await.expect("up").in_process_ms, None);
}

#[tokio::test]
async fn without_a_server_the_same_is_told_of_what_is_kept() {
    let cache = Cache::local();
    let inspect = cache.inspect();
    judged(&inspect.explain("user:7").await.expect("local"), Reason::Absent, "");
    load_user(&cache, 7).await;
    let told = inspect.explain("user:7").await.expect("local");
    judged(&told, Reason::Stands, "kept in this process");
    assert_eq!((told.held, told.master), (Held::Value, None));
    cache.invalidate_tags(["users"]).await.expect("local");
    judged(&inspect.explain("user:7").await.expect("local"), Reason::TagVoid, "");
    cache.put(Key::new("odd").tag("x"), &1, TTL).await.expect("local");
    judged(&inspect.explain("odd").await.expect("local"), Reason::UnknownTags, "");
    load_user(&cache, 8).await;
    let function = Purge::Function("user".into());
    assert_eq!(inspect.preview(&function).await.expect("local").entries, 2);
    assert_eq!(inspect.purge(&function).await.expect("local").removed, 2);
    assert_eq!(inspect.entries("*", None, 1).await.expect("local").keys, ["odd"]);
    assert_eq!(inspect.heard().await.expect_err("nobody tells").kind(), ErrorKind::Config);
    assert!(inspect.server().await.expect("none").is_empty());
}

async fn all(inspect: &Inspect, pattern: &str) -> BTreeSet<String> {
    let (mut keys, mut cursor) = (BTreeSet::new(), None);
    loop {
        let page = inspect.entries(pattern, cursor, 100).await.expect("up");
        keys.extend(page.keys);
        cursor = page.next;
        if cursor.is_none() {
            return keys;
        }
        // As a client would keep it.
        cursor = cursor.map(|cursor| cursor.to_string().parse().expect("it was written by it"));
    }
}

#[tokio::test]
async fn entries_are_paged_over_all_masters() {
    on_each_topology(async |servers| {
        let cache = alone(patient("pages", servers.url())).await;
        let other = alone(patient("page", servers.url())).await;
        let keys: BTreeSet<String> = (0..60).map(|id| format!("user:{id}")).collect();
        cache.put_many(keys.iter().map(|key| (Key::new(key).tag("users"), 1)), TTL).await.expect("up");
        cache.put("org:1", &1, TTL).await.expect("up");
        other.put("user:0", &1, TTL).await.expect("up");
        let inspect = cache.inspect();
        assert_eq!(all(&inspect, "user:*").await, keys);
        assert_eq!(all(&inspect, "*").await.len(), 61);
        assert_eq!(all(&inspect, "nothing").await.len(), 0);
        let (mut both, mut cursor) = ((0, BTreeSet::new()), None);
        loop {
            let (entries, tags) = inspect.names(cursor, 1).await.expect("up");
            both.0 += entries.keys.len();
            both.1.extend(tags.keys);
            assert_eq!(entries.next, tags.next);
            cursor = entries.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(both, (61, BTreeSet::from(["users".to_owned()])));
        let sized = inspect.entries("org:*", None, 1).await.expect("up");
        for size in inspect.sizes(&sized).await.expect("up") {
            let size = size.expect("it is there");
            assert!(size.bytes > 46 && size.ttl_ms.is_some(), "{size:?}");
        }
        let namespaces = inspect.namespaces(10_000).await.expect("up");
        let of = |name: &str| namespaces.iter().find(|namespace| namespace.name == name).expect("it is there");
        assert_eq!((of("pages").entries, of("pages").tags, of("page").entries), (61, 1, 1));
        let told = inspect.server().await.expect("up");
        assert_eq!(told.len(), servers.masters().len());
        for told in told {
            assert!(told.version.is_some_and(|version| version.contains('.')));
            assert!(told.memory_used.is_some_and(|bytes| bytes > 0));
            assert!(told.history.is_some() && told.memory_policy.is_some() && told.keys.is_some());
        }
    })
    .await;
}

#[tokio::test]
async fn a_page_has_as_many_keys_as_were_asked_for_and_a_next_one() {
    let server = RedisServer::start();
    let cache = alone(patient("many", server.url())).await;
    let script = "for i = 1, 9000 do redis.call('SET', 'many:e:k:' .. i, 'x', 'PX', 60000) end";
    server.command(&["EVAL", script, "0"]);
    let inspect = cache.inspect();
    let first = inspect.entries("k:*", None, 100).await.expect("up");
    assert!(first.keys.len() >= 100 && first.keys.len() < 9000 && first.next.is_some(), "{}", first.keys.len());
    assert_eq!(all(&inspect, "k:*").await.len(), 9000);
    let gone = "0@127.0.0.1:1".parse().expect("it is one");
    let error = inspect.entries("*", Some(gone), 1).await.expect_err("nobody is there");
    assert_eq!(error.kind(), ErrorKind::Argument);
    assert!("1-x@127.0.0.1:1".parse::<cache_runtime::inspect::Cursor>().is_err());
    assert!("nonsense".parse::<cache_runtime::inspect::Cursor>().is_err());
}

#[tokio::test]
async fn a_walk_over_a_server_that_was_restarted_begins_again() {
    let mut server = RedisServer::start();
    let cache = alone(patient("walked", server.url())).await;
    let script = "for i = 1, 9000 do redis.call('SET', 'walked:e:k:' .. i, 'x', 'PX', 60000) end";
    server.command(&["EVAL", script, "0"]);
    let inspect = cache.inspect();
    let first = inspect.entries("k:*", None, 100).await.expect("up");
    let next = first.next.expect("there are more").to_string();
    let again = async || inspect.entries("k:*", Some(next.parse().expect("it is one")), 100).await;
    assert!(again().await.expect("up").keys.len() >= 100, "the same cursor, on the same server");
    server.restart();
    server.command(&["EVAL", script, "0"]);
    becomes(&cache, "the restart is told", async || {
        let told = again().await.expect_err("it may have missed any");
        assert_eq!(told.kind(), ErrorKind::Unavailable, "{told}");
        told.to_string().contains("restarted or replaced")
    })
    .await;
    assert_eq!(all(&inspect, "k:*").await.len(), 9000);
}

#[tokio::test]
async fn a_purge_meets_what_its_preview_said() {
    on_each_topology(async |servers| {
        let cache = alone(patient("purge", servers.url())).await;
        let inspect = cache.inspect();
        let fill = async || {
            for id in 0..10 {
                cache.scope(user(id)).await;
                cache.scope(orders(id)).await;
            }
            is_idle(&cache).await;
        };
        let preview = async |purge: &Purge| {
            let preview = inspect.preview(purge).await.expect("up");
            assert!(preview.complete);
            assert_eq!(preview.keys.len() as u64, preview.entries.min(20));
            preview.entries
        };
        fill().await;
        let (key, tag) = (Purge::Key("user:3".into()), Purge::Tag("users".into()));
        assert_eq!(preview(&key).await, 1);
        assert_eq!(inspect.purge(&key).await.expect("up").removed, 1);
        assert_eq!(preview(&key).await, 0);
        assert_eq!(preview(&tag).await, 9);
        assert_eq!(inspect.purge(&tag).await.expect("up").removed, 1);
        assert_eq!(preview(&tag).await, 0);
        assert!(!is_read_from_redis(&cache, 4).await);

        fill().await;
        let function = Purge::Function("inspect::user".into());
        assert_eq!(preview(&function).await, 10);
        assert_eq!(inspect.purge(&function).await.expect("up").removed, 10);
        assert_eq!(all(&inspect, "*").await.len(), 10, "the orders are another function's");

        fill().await;
        let pattern = Purge::Pattern("user:?".into());
        assert_eq!(preview(&pattern).await, 10);
        assert_eq!(inspect.purge(&pattern).await.expect("up").removed, 10);
        assert_eq!(preview(&Purge::Pattern("*".into())).await, 10);
    })
    .await;
}

#[tokio::test]
async fn functions_are_purged_by_a_name_that_is_theirs() {
    let inspect = Cache::local().inspect();
    let error = inspect.purge(&Purge::Function("nobody".into())).await.expect_err("there is none");
    assert!(error.to_string().starts_with("there is no cached function `nobody`"), "{error}");
    let error = inspect.purge(&Purge::Function("inspect::usr".into())).await.expect_err("there is none");
    assert_eq!(error.to_string(), "there is no cached function `inspect::usr`; did you mean `inspect::user`?");
    assert!(inspect.purge(&Purge::Function("ser".into())).await.is_err(), "no part of a name");
}

#[tokio::test]
async fn a_function_that_is_purged_is_void_in_every_process() {
    let server = RedisServer::start();
    let cache = listening(patient("everywhere", server.url())).await;
    let other = alone(patient("everywhere", server.url())).await;
    load_user(&cache, 7).await;
    assert_eq!(cache.scope(observe(user(7))).await.1.source, Source::Local);
    // Kept here, and no more on the server.
    server.command(&["DEL", "everywhere:e:user:7"]);
    other.inspect().purge(&Purge::Function("user".into())).await.expect("up");
    becomes(&cache, "it is void", async || {
        cache.inspect().explain("user:7").await.expect("up").in_process_ms.is_none()
    })
    .await;
}

#[tokio::test]
async fn invalidations_are_heard_by_name() {
    on_each_topology(async |servers| {
        let cache = alone(patient("heard", servers.url())).await;
        let inspect = cache.inspect();
        load_user(&cache, 7).await;
        load_user(&cache, 8).await;
        all(&inspect, "*").await;
        inspect.tags("*", None, 100).await.expect("up");
        inspect.explain("user:7").await.expect("up");
        let mut heard = inspect.heard().await.expect("up");
        // Who begins to listen says so, which is no invalidation.
        let other = listening(patient("heard", servers.url())).await;
        other.remove(["user:8"]).await.expect("up");
        other.invalidate_tags(["user:7"]).await.expect("up");
        other.invalidate_tags(["never met"]).await.expect("up");
        other.remove_matching("user:*").await.expect("up");
        cache.invalidate_tags(["own"]).await.expect("up");
        // In a Cluster each master passes on what it was told, in its own time.
        let key = |id: u64| Name::Key(format!("user:{id}"));
        // The pattern met one entry, which it names.
        let expected = [key(8), Name::Tag("user:7".into()), key(7), Name::Tag("own".into())];
        let mut named = Vec::new();
        let mut everything = false;
        while named.len() < 5 || !everything {
            match tokio::time::timeout(Duration::from_secs(20), heard.next()).await.expect("it is heard") {
                Invalidation::Names { names, at_ms, .. } => {
                    assert!(at_ms > 0);
                    named.extend(names);
                }
                Invalidation::Everything { .. } => everything = true,
                other => panic!("{other:?}"),
            }
        }
        for name in &expected {
            assert!(named.contains(name), "{named:?}");
        }
        let unknown = |name: &&Name| matches!(name, Name::Unknown(hash) if hash.len() == 16);
        assert_eq!(named.iter().filter(unknown).count(), 1, "{named:?}");
    })
    .await;
}

#[tokio::test]
async fn whoever_listens_is_told_of_a_gap_and_hears_on() {
    let mut server = RedisServer::start();
    let cache = alone(patient("gap", server.url())).await;
    let mut heard = cache.inspect().heard().await.expect("up");
    server.restart();
    assert!(matches!(heard.next().await, Invalidation::Gap { .. }));
    let hears = async {
        loop {
            if let Invalidation::Names { names, .. } = heard.next().await {
                return names;
            }
        }
    };
    let tell = async {
        loop {
            // Nobody may listen yet, or the cache may not have noticed.
            let _ = cache.remove(["k"]).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        names = hears => assert_eq!(names, [Name::Key("k".into())]),
        () = tell => {}
        () = tokio::time::sleep(Duration::from_secs(20)) => panic!("nothing is heard"),
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_an_error() {
    let cache = Cache::builder().namespace("down").redis("redis://127.0.0.1:1").build().expect("in order");
    let inspect = cache.inspect();
    for error in [
        inspect.explain("k").await.expect_err("down"),
        inspect.entries("*", None, 1).await.expect_err("down"),
        inspect.preview(&Purge::Tag("t".into())).await.expect_err("down"),
        inspect.server().await.expect_err("down"),
        inspect.heard().await.expect_err("down"),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    }
}
