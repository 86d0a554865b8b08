//! What operators say by hand holds at once, in each tier, for that cache alone; and what is switched off loses no
//! invalidation.

mod steps;

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use cache_runtime::policy::Rule;
use cache_runtime::{Cache, Counts, ErrorKind, Source, cached, refresh};
use steps::prices::{AS_DECLARED, File, OFF, at, new_prices, price, see, source, steer, with};
use steps::process::Process;
use steps::{alone, hears, is_idle, listening};
use tests::{RedisServer, eventually};
use tokio::sync::Notify;

#[cached(key = "stock:{id}", ttl = "1h")]
async fn stock(id: u64) -> u64 {
    id
}

#[cached(key = "rate:{id}", ttl = "20ms")]
async fn rate(id: u64) -> u64 {
    id
}

#[cached(key = "remote:{id}", ttl = "1h", local = false)]
async fn remote(id: u64) -> u64 {
    id
}

#[cached(key = "missing:{id}", ttl = "1h", negative_ttl = "1h")]
async fn missing(id: u64) -> Option<u64> {
    let _ = id;
    None
}

/// Longer than the ttls in these tests: afterwards, entries are older than these.
async fn a_while() {
    tokio::time::sleep(Duration::from_millis(30)).await;
}

const SHORT: Duration = Duration::from_millis(20);

#[tokio::test]
async fn off_is_off_at_once_and_in_this_cache_alone() {
    let server = RedisServer::start();
    let (here, there) = (listening(at(server.url())).await, listening(at(server.url())).await);
    let in_process = Cache::local();
    for cache in [&here, &there, &in_process] {
        see(cache, 1, 0).await;
        source(cache, stock(1)).await;
        is_idle(cache).await;
    }
    for cache in [&here, &in_process] {
        assert_eq!(see(cache, 1, 1).await, (0, Source::Local));
        steer(cache, "price", OFF);
        for now in 1..4 {
            assert_eq!(see(cache, 1, now).await, (now, Source::Bypassed), "each call runs");
        }
        assert_eq!(source(cache, stock(1)).await, Source::Local, "another function");
        assert_eq!(cache.scope(price::peek(1)).await.expect("up"), None);
        assert_eq!(cache.policy().of("price"), OFF);
    }
    assert_eq!(see(&there, 1, 9).await, (0, Source::Local), "another cache of this process");
    assert_eq!(there.policy().functions, []);
    for cache in [&here, &in_process] {
        steer(cache, "price", AS_DECLARED);
        assert_eq!(see(cache, 1, 9).await, (0, Source::Local), "it still stands");
        assert_eq!(cache.policy().functions, []);
    }
}

#[cached(key = "shelf:{id}", ttl = "1h", skip(now))]
async fn shelf(id: u64, now: u64) -> u64 {
    let _ = id;
    now
}

/// What was counted for a function of these tests, in all caches.
fn counts(cache: &Cache, function: &str) -> Counts {
    let functions = cache.stats().functions;
    let found = functions.into_iter().find(|stats| stats.function.rsplit("::").next() == Some(function));
    found.map(|stats| stats.counts).unwrap_or_default()
}

/// How often a call of it was answered in process.
fn hits_of_shelf(cache: &Cache) -> u64 {
    counts(cache, "shelf").local_hits
}

/// Without an observer, the short way is taken, and what a thread itself knows of hot entries.
#[tokio::test]
async fn who_does_not_ask_how_he_is_answered_is_answered_alike() {
    let file = File::new("");
    let server = RedisServer::start();
    let over_redis = at(server.url()).policy(file.path()).build().expect("in order");
    hears(&over_redis).await;
    for (tier, cache) in [with(&file), over_redis].iter().enumerate() {
        let plain = async |id, now| cache.scope(shelf(id, now)).await;
        let hot = async |id| {
            plain(id, 0).await;
            is_idle(cache).await;
            let before = hits_of_shelf(cache);
            for now in 1..40 {
                assert_eq!(plain(id, now).await, 0);
            }
            assert_eq!(hits_of_shelf(cache), before + 39);
        };
        hot(1).await;
        for rule in [OFF, Rule::new().percent(0.0)] {
            steer(cache, "shelf", rule);
            assert_eq!(plain(1, 7).await, 7, "{rule}");
            steer(cache, "shelf", AS_DECLARED);
            assert_eq!(plain(1, 7).await, 0, "it still stands");
        }
        a_while().await;
        steer(cache, "shelf", Rule::new().ttl(SHORT));
        assert_eq!(plain(1, 8).await, 8);
        steer(cache, "shelf", AS_DECLARED);
        plain(1, 8).await;
        hot(2).await;

        for text in ["disabled = true", "[prefix.\"shelf:2\"]\nenabled = false"] {
            file.write("policy.toml", text);
            eventually(text, async || plain(2, 9).await == 9).await;
            file.write("policy.toml", "");
            eventually("as declared", async || plain(2, 9).await == 0).await;
        }

        steer(cache, "shelf", Rule::new().without_local());
        if tier == 1 {
            // Kept in process by somebody else on the same key, as what is hot.
            assert_eq!(cache.get::<u64>(shelf::key(2)).await.expect("up"), Some(0));
            let before = hits_of_shelf(cache);
            assert_eq!(plain(2, 9).await, 0);
            assert_eq!(hits_of_shelf(cache), before, "it was asked for");
        }
        steer(cache, "shelf", AS_DECLARED);
    }
}

#[tokio::test]
async fn what_was_invalidated_while_it_was_off_is_not_served_when_it_is_on_again() {
    let server = RedisServer::start();
    let (here, there) = (listening(at(server.url())).await, listening(at(server.url())).await);
    // By this process, by another one, by a `put` and by a `refresh` that could not be stored.
    for by in 0..5 {
        for cache in [&here, &there] {
            see(cache, by, 0).await;
            is_idle(cache).await;
        }
        steer(&here, "price", OFF);
        match by {
            0 => here.scope(new_prices()).await,
            1 => there.scope(new_prices()).await,
            2 => here.scope(price::put(by, 1)).await.expect("the old value is gone"),
            3 => assert_eq!(here.scope(refresh(price(by, 1))).await, 1),
            _ => here.scope(price::invalidate(by)).await.expect("up"),
        }
        assert_eq!(see(&here, by, 2).await, (2, Source::Bypassed));
        steer(&here, "price", AS_DECLARED);
        let (value, source) = see(&here, by, 3).await;
        assert_eq!((value, source), (3, Source::Loaded), "{by}");
        eventually("it is heard there", async || see(&there, by, 3).await.0 == 3).await;
        is_idle(&there).await;
    }
}

#[tokio::test]
async fn without_a_server_too() {
    let cache = Cache::local();
    for by in 0..4 {
        see(&cache, by, 0).await;
        steer(&cache, "price", OFF);
        match by {
            0 => cache.scope(new_prices()).await,
            1 => cache.scope(price::put(by, 1)).await.expect("nothing can fail"),
            2 => assert_eq!(cache.scope(refresh(price(by, 1))).await, 1),
            _ => cache.scope(price::invalidate(by)).await.expect("nothing can fail"),
        }
        steer(&cache, "price", AS_DECLARED);
        assert_eq!(see(&cache, by, 3).await, (3, Source::Loaded), "{by}");
    }
}

/// Runs in the other process: what the environment switches off, invalidates, and waits to be killed.
#[tokio::test]
async fn the_process_that_is_switched_off() {
    let Ok(url) = std::env::var("SWITCHED_OFF_URL") else { return };
    let cache = at(url).build().expect("in order");
    assert!(cache.health().disabled && cache.policy().disabled);
    assert_eq!(see(&cache, 1, 7).await, (7, Source::Bypassed));
    assert_eq!(cache.get::<u64>(price::key(1)).await.expect("nothing is asked"), None);
    assert_eq!(cache.get_many::<u64>([price::key(1), price::key(2)]).await.expect("nothing is asked"), [None, None]);
    cache.put("direct", &7_u64, steps::TTL).await.expect("what was there is removed");
    steer(&cache, "price", Rule::new().enabled(true));
    assert_eq!(see(&cache, 1, 8).await, (8, Source::Bypassed), "the switch is above all rules");
    cache.scope(new_prices()).await;
    cache.shutdown().await.expect("delivered");
    println!("switched-off done");
    std::future::pending().await
}

#[tokio::test]
async fn a_process_that_is_switched_off_invalidates_for_the_others_and_for_itself_later() {
    let server = RedisServer::start();
    let here = listening(at(server.url())).await;
    see(&here, 1, 0).await;
    here.put("direct", &1_u64, steps::TTL).await.expect("up");
    assert_eq!(here.get::<u64>("direct").await.expect("up"), Some(1));
    is_idle(&here).await;
    for word in ["1", "true", "yes"] {
        let environment = [("SWITCHED_OFF_URL", &*server.url()), ("CACHE_DISABLED", word)];
        let (process, _) = Process::start("the_process_that_is_switched_off", "switched-off", &environment);
        eventually("heard", async || see(&here, 1, 1).await.0 == 1).await;
        eventually("heard", async || here.get::<u64>("direct").await.expect("up").is_none()).await;
        process.kill();
        // That process again, with the cache on.
        let again = listening(at(server.url())).await;
        assert_ne!(see(&again, 1, 1).await.0, 0, "what it has invalidated itself");
        assert_eq!(see(&again, 2, 2).await, (2, Source::Loaded));
        assert!(!again.health().disabled);
        here.scope(new_prices()).await;
        see(&here, 1, 0).await;
        here.put("direct", &1_u64, steps::TTL).await.expect("up");
        is_idle(&here).await;
    }
}

#[tokio::test]
async fn a_shorter_ttl_counts_for_what_is_there() {
    let server = RedisServer::start();
    let (here, bare) = (listening(at(server.url())).await, alone(at(server.url())).await);
    let in_process = Cache::local();
    for cache in [&here, &bare, &in_process] {
        see(cache, 1, 0).await;
        source(cache, missing(1)).await;
        is_idle(cache).await;
        assert_eq!(see(cache, 1, 1).await.0, 0);
        a_while().await;
        let minutes = Rule::new().ttl(Duration::from_secs(30 * 60));
        steer(cache, "price", minutes);
        steer(cache, "missing", minutes);
        let standing = if cache.health().tier == cache_runtime::Tier::Redis { Source::Redis } else { Source::Loaded };
        assert_eq!(source(cache, price(1, 0)).await, standing, "young enough, and asked for again");
        assert_eq!(source(cache, missing(1)).await, standing);
        is_idle(cache).await;
        a_while().await;
        for rule in [Rule::new().ttl(SHORT), Rule::new().scaled(0.000_001)] {
            steer(cache, "price", rule);
            steer(cache, "missing", rule);
            assert_eq!(source(cache, price(1, 0)).await, Source::Loaded, "{rule}");
            assert_eq!(source(cache, missing(1)).await, Source::Loaded, "{rule}");
            is_idle(cache).await;
            a_while().await;
            assert_eq!(source(cache, price(1, 0)).await, Source::Loaded, "what is new lives no longer");
            is_idle(cache).await;
            a_while().await;
        }
    }
}

#[tokio::test]
async fn what_was_given_a_longer_ttl_does_not_outlive_that_rule() {
    let server = RedisServer::start();
    let (here, bare) = (listening(at(server.url())).await, alone(at(server.url())).await);
    for (id, cache) in [&here, &bare, &Cache::local()].into_iter().enumerate() {
        let id = id as u64;
        steer(cache, "rate", Rule::new().ttl(Duration::from_secs(60 * 60)));
        source(cache, rate(id)).await;
        is_idle(cache).await;
        a_while().await;
        assert!([Source::Local, Source::Redis].contains(&source(cache, rate(id)).await), "older than declared");
        steer(cache, "rate", AS_DECLARED);
        assert_eq!(source(cache, rate(id)).await, Source::Loaded);
    }
}

#[tokio::test]
async fn what_is_read_under_a_shorter_ttl_is_kept_in_process_no_longer() {
    let server = RedisServer::start();
    let cache = listening(at(server.url())).await;
    see(&cache, 1, 0).await;
    is_idle(&cache).await;
    let ttl = Duration::from_millis(300);
    steer(&cache, "price", Rule::new().ttl(ttl));
    // From Redis, as a rule: it was given an hour.
    see(&cache, 1, 1).await;
    is_idle(&cache).await;
    tokio::time::sleep(ttl).await;
    assert_eq!(see(&cache, 1, 2).await, (2, Source::Loaded));
}

#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Member {
    org: u64,
}

/// The first load waits until it is told to go on.
#[derive(Default)]
struct Gate {
    loads: AtomicU64,
    entered: Notify,
    go_on: Notify,
}

#[cached(key = "member:{id}", ttl = "1h", tags = ["org:{return.org}"], skip(gate))]
async fn member(gate: &Gate, id: u64) -> Member {
    if gate.loads.fetch_add(1, SeqCst) == 0 {
        gate.entered.notify_one();
        gate.go_on.notified().await;
    }
    Member { org: id }
}

/// Both were called under the old rule. The second one joins, and has to look again for the tags of the result: what he
/// sees then is of after the change.
#[tokio::test]
async fn what_is_loaded_under_the_old_rule_is_not_kept_in_process_under_it() {
    let server = RedisServer::start();
    for cache in [Cache::local(), listening(at(server.url())).await] {
        let (gate, missed) = (Gate::default(), counts(&cache, "member").misses);
        let change = async {
            gate.entered.notified().await;
            // Two calls are under way, and wait for one load.
            eventually("joined", async || counts(&cache, "member").misses >= missed + 2).await;
            steer(&cache, "member", Rule::new().ttl(Duration::from_secs(60)));
            gate.go_on.notify_one();
        };
        let call = || cache.scope(member(&gate, 1));
        tokio::join!(call(), call(), change);
        is_idle(&cache).await;
        let seen = source(&cache, member(&gate, 1)).await;
        assert_ne!(seen, Source::Local, "{:?}", cache.health().tier);
        assert!(gate.loads.load(SeqCst) >= 2, "the second one had to load as well");
    }
}

#[tokio::test]
async fn in_process_over_redis_as_long_as_the_rule_says() {
    let server = RedisServer::start();
    let cache = listening(at(server.url())).await;
    source(&cache, stock(1)).await;
    source(&cache, remote(1)).await;
    is_idle(&cache).await;
    assert_eq!(source(&cache, stock(1)).await, Source::Local);
    assert_eq!(source(&cache, remote(1)).await, Source::Redis);

    steer(&cache, "stock", Rule::new().without_local());
    steer(&cache, "remote", Rule::new().local(Duration::from_secs(60)));
    for expected in [Source::Redis, Source::Local] {
        assert_eq!(source(&cache, stock(1)).await, Source::Redis);
        assert_eq!(source(&cache, remote(1)).await, expected);
    }
    // Kept in process by somebody else on the same key: not for this function.
    assert_eq!(cache.get::<u64>(stock::key(1)).await.expect("up"), Some(1));
    assert_eq!(source(&cache, stock(1)).await, Source::Redis);

    steer(&cache, "stock", Rule::new().local(SHORT));
    assert_eq!(source(&cache, stock(1)).await, Source::Redis);
    a_while().await;
    assert_eq!(source(&cache, stock(1)).await, Source::Redis, "no longer kept");
}

#[tokio::test]
async fn the_keys_that_are_in_stay_in_as_the_percentage_grows() {
    let server = RedisServer::start();
    let (here, there) = (listening(at(server.url())).await, alone(at(server.url())).await);
    for id in 0..200 {
        source(&here, stock(id)).await;
    }
    let mut before: Vec<u64> = Vec::new();
    for percent in [0.0, 10.0, 50.0, 90.0, 100.0] {
        let rule = Rule::new().percent(percent);
        steer(&here, "stock", rule);
        steer(&there, "stock", rule);
        let mut inside = Vec::new();
        for id in 0..200 {
            let sources = [source(&here, stock(id)).await, source(&there, stock(id)).await];
            assert_eq!(sources[0] == Source::Bypassed, sources[1] == Source::Bypassed, "all processes agree");
            if sources[0] != Source::Bypassed {
                assert_eq!(sources[0], Source::Local, "also what was there before");
                inside.push(id);
            }
        }
        assert!(before.iter().all(|id| inside.contains(id)), "{percent}");
        assert!((inside.len() as f64 - 2.0 * percent).abs() < 30.0, "{} of 200 at {percent} percent", inside.len());
        before = inside;
    }
    assert_eq!(before.len(), 200);
}

#[cached(key = "twice:{id}", ttl = "10m")]
async fn twice(id: u64) -> u64 {
    id
}

/// A path that ends in that of another function.
mod more {
    pub(crate) mod policy {
        #[cache_runtime::cached(key = "more:twice:{id}", ttl = "10m")]
        pub(crate) async fn twice(id: u64) -> u64 {
            id
        }
    }
}

#[tokio::test]
async fn what_is_said_of_a_function_is_found_by_the_name_that_it_was_said_by() {
    let cache = Cache::local();
    let of = |function: &str| cache.policy().of(function);
    steer(&cache, "more::policy::twice", OFF);
    assert_eq!((of("more::policy::twice"), of("policy::twice")), (OFF, AS_DECLARED));
    steer(&cache, "policy::twice", Rule::new().scaled(0.5));
    assert_eq!((of("more::policy::twice"), of("policy::twice")), (OFF, Rule::new().scaled(0.5)));
    assert_eq!((of("twice"), of("nobody")), (AS_DECLARED, AS_DECLARED), "which of the two?");
    assert_eq!(source(&cache, more::policy::twice(1)).await, Source::Bypassed);
    assert_eq!(source(&cache, twice(1)).await, Source::Loaded);
}

#[tokio::test]
async fn a_mistake_is_told_and_changes_nothing() {
    let cache = Cache::local();
    for (function, rule, says) in [
        ("prise", OFF, "there is no cached function `prise`; did you mean `price`?"),
        ("price", Rule::new().percent(101.0), "percent = 101 is not between 0 and 100; percent = 100 for all keys"),
        (
            "price",
            Rule::new().ttl(Duration::ZERO),
            "a ttl of zero keeps nothing; to switch the cache off: enabled = false",
        ),
    ] {
        let error = cache.steer(function, rule).expect_err(says);
        assert_eq!((error.kind(), error.to_string()), (ErrorKind::Argument, says.to_owned()));
    }
    assert_eq!(cache.policy(), Cache::local().policy());
}
