//! What a recorder is handed: each call with its outcome, what was timed, and the state of the cache; under the names and
//! labels of the table, and never with a key.

mod emitted;
mod steps;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use cache_runtime::metrics::{Kind, METRICS};
use cache_runtime::{Cache, bypass, cached, invalidates, refresh};
use emitted::everything;
use emitted::exposition::{Exposition, published, record, recorded};
use steps::{TTL, alone, becomes, is_idle, listening, patient};
use tests::{Mode, Proxy, RedisServer};

/// How often calls of this function had this outcome.
fn requests(exposition: &Exposition, function: &str, outcome: &str) -> f64 {
    exposition.value("cache_requests_total", &[("function", function), ("outcome", outcome)])
}

#[cached(key = "counted:{n}", ttl = "1m", negative_ttl = "1m")]
async fn counted(n: u64) -> Option<u64> {
    tokio::time::sleep(Duration::from_millis(20)).await;
    (n > 0).then_some(n)
}

#[tokio::test]
async fn each_call_has_one_outcome() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let tiered = listening(patient("outcomes", server.url())).await;
    let alone = alone(patient("outcomes", proxy.url())).await;
    let seen = |outcome: &str| requests(&published(&tiered), "::counted", outcome);
    // Of the same entries: loaded by one, found by the other.
    for n in [0, 1] {
        tiered.scope(counted(n)).await;
        is_idle(&tiered).await;
        alone.scope(counted(n)).await;
        tiered.scope(counted(n)).await;
    }
    assert_eq!((seen("loaded"), seen("redis_hit"), seen("local_hit"), seen("negative_hit")), (2.0, 1.0, 1.0, 2.0));
    tokio::join!(tiered.scope(counted(2)), tiered.scope(counted(2)));
    assert_eq!((seen("loaded"), seen("joined")), (3.0, 1.0));
    tiered.scope(bypass(counted(1))).await;
    tiered.scope(refresh(counted(1))).await;
    assert_eq!((seen("loaded"), seen("bypassed")), (4.0, 1.0));
    tiered.scope(counted::peek(9)).await.expect("up");
    assert_eq!(seen("absent"), 1.0);
    proxy.set(Mode::Reset);
    alone.scope(counted(1)).await;
    assert_eq!(seen("fail_open"), 1.0);
    assert_eq!(requests(&published(&tiered), "::counted", ""), 12.0, "none was counted twice");
}

#[cached(key = "hot:{n}", ttl = "1m")]
async fn hot(n: u64) -> u64 {
    n
}

#[tokio::test]
async fn hits_in_process_are_all_counted_and_their_ages_sampled() {
    record();
    let cache = Cache::builder().namespace("hot").build().expect("in order");
    for _ in 0..5_001 {
        cache.scope(hot(1)).await;
    }
    let exposition = published(&cache);
    assert_eq!(requests(&exposition, "::hot", "local_hit"), 5_000.0);
    let ages = exposition.value("cache_hit_age_seconds_count", &[("function", "::hot"), ("tier", "local")]);
    assert!((5_000.0 / 128.0..5_000.0).contains(&ages), "{ages}");
}

struct Roman;
struct Greek;

impl Roman {
    #[cached(key = "numeral:{n}", ttl = "1m")]
    async fn numeral(n: u64) -> u64 {
        n
    }

    #[invalidates(tags = ["numerals"])]
    async fn reform() {}
}

impl Greek {
    #[cached(key = "numeral:{n}", ttl = "1m")]
    async fn numeral(n: u64) -> u64 {
        n
    }

    #[invalidates(tags = ["numerals"])]
    async fn reform() {}
}

#[tokio::test]
async fn functions_that_share_their_labels_are_added_up() {
    let cache = Cache::local();
    for n in 0..3 {
        cache.scope(Roman::numeral(n)).await;
        cache.scope(Roman::reform()).await;
    }
    for n in 3..5 {
        cache.scope(Greek::numeral(n)).await;
        cache.scope(Greek::reform()).await;
    }
    let exposition = published(&cache);
    assert_eq!(requests(&exposition, "::numeral", "loaded"), 5.0);
    let reforms = exposition.value("cache_invalidations_total", &[("site", "::reform"), ("result", "delivered")]);
    assert_eq!(reforms, 5.0);
}

#[cached(key = "timed:{n}", ttl = "1m")]
async fn timed(n: u64) -> Result<Vec<u64>, String> {
    if n == 0 { Err("zero".to_owned()) } else { Ok(vec![u64::MAX; 100]) }
}

#[tokio::test]
async fn what_takes_time_is_timed_and_what_is_stored_weighed() {
    record();
    let server = RedisServer::start();
    let cache = alone(patient("timed", server.url())).await;
    cache.scope(timed(0)).await.expect_err("it fails");
    for _ in 0..3 {
        cache.scope(timed(1)).await.expect("it does not");
        is_idle(&cache).await;
    }
    let exposition = published(&cache);
    let of = |name: &str, label: (&str, &str)| exposition.value(name, &[("function", "::timed"), label]);
    let any = ("function", "::timed");
    assert_eq!(of("cache_load_seconds_count", any), 2.0);
    assert_eq!(of("cache_load_errors_total", any), 1.0);
    assert_eq!(of("cache_hit_age_seconds_count", ("tier", "redis")), 2.0);
    assert_eq!(of("cache_operation_seconds_count", ("operation", "read")), 4.0);
    assert_eq!(of("cache_operation_seconds_count", ("operation", "ensure")), 2.0);
    assert_eq!(of("cache_operation_seconds_count", ("operation", "fill")), 1.0);
    assert_eq!(of("cache_fills_total", ("result", "stored")), 1.0);
    assert_eq!(of("cache_entry_bytes_count", any), 1.0);
    let written = of("cache_bytes_total", ("direction", "written"));
    assert!(written > 800.0, "{written}");
    assert_eq!(of("cache_entry_bytes_sum", any), written);
    assert_eq!(of("cache_bytes_total", ("direction", "read")), 2.0 * written);
}

#[cached(key = "swept:{n}", ttl = "1m", tags = ["swept"])]
async fn swept(n: u64) -> u64 {
    n
}

#[invalidates(tags = ["swept"])]
async fn sweep() {}

#[tokio::test]
async fn invalidations_are_told_by_who_made_them_and_what_is_owed_until_it_is_not() {
    record();
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let cache = alone(patient("owing", proxy.url())).await;
    let made = |site: &str, result: &str| {
        published(&cache).value("cache_invalidations_total", &[("site", site), ("result", result)])
    };
    let state = |name: &str| published(&cache).value(name, &[("cache", "owing")]);
    cache.scope(sweep()).await;
    cache.invalidate_tags(["swept", "and more"]).await.expect("up");
    cache.scope(swept(1)).await;
    cache.scope(swept::invalidate(1)).await.expect("up");
    assert_eq!((made("::sweep", "delivered"), made("direct:owing", "delivered")), (1.0, 2.0));
    assert_eq!(
        (state("cache_owed_invalidations"), state("cache_breaker_open"), state("cache_available")),
        (0.0, 0.0, 1.0)
    );
    proxy.set(Mode::Refuse);
    proxy.kill_connections();
    cache.scope(sweep()).await;
    assert_eq!((made("::sweep", "delivered"), made("::sweep", "deferred")), (1.0, 1.0));
    assert_eq!(
        (state("cache_owed_invalidations"), state("cache_breaker_open"), state("cache_available")),
        (1.0, 1.0, 0.0)
    );
    assert_eq!(state("cache_breaker_opened_total"), 1.0);
    let timed = published(&cache).value("cache_invalidation_seconds_count", &[("site", "::sweep")]);
    assert_eq!(timed, 2.0);
    proxy.set(Mode::Pass);
    becomes(&cache, "nothing is owed", async || state("cache_owed_invalidations") == 0.0).await;
    becomes(&cache, "the breaker is closed", async || state("cache_available") == 1.0).await;
}

#[tokio::test]
async fn the_lease_the_pool_and_the_tier_are_told() {
    record();
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let lease = Duration::from_secs(2);
    let builder = patient("state", proxy.url()).lease(lease).lanes(2).local_bytes(1 << 20);
    let cache = listening(builder).await;
    cache.put("kept", &"v".repeat(1_000), TTL).await.expect("up");
    let state = |name: &str| published(&cache).value(name, &[("cache", "state")]);
    // Not while the news of the `put` is on its way.
    becomes(&cache, "it is kept", async || {
        cache.get::<String>("kept").await.expect("up");
        state("cache_local_entries") == 1.0
    })
    .await;
    assert_eq!(state("cache_local_limit_bytes"), f64::from(1 << 20));
    assert!((1_000.0..10_000.0).contains(&state("cache_local_bytes")));
    assert_eq!(
        (state("cache_masters"), state("cache_local_vouched_for"), state("cache_pool_waiting")),
        (1.0, 1.0, 0.0)
    );
    assert!(state("cache_lease_age_seconds") < lease.as_secs_f64());
    assert!(state("cache_invalidation_lag_seconds") > 0.0);
    let pool =
        |wanted: &str| published(&cache).value("cache_pool_connections", &[("cache", "state"), ("state", wanted)]);
    assert_eq!(pool("limit"), 2.0);
    assert!((1.0..=2.0).contains(&pool("open")));
    proxy.set_subscribers(Mode::BlackHole);
    becomes(&cache, "not vouched for", async || state("cache_local_vouched_for") == 0.0).await;
    assert_eq!(state("cache_lease_age_seconds"), lease.as_secs_f64());
    proxy.set_subscribers(Mode::Refuse);
    proxy.kill_connections();
    becomes(&cache, "no lag where nothing is heard", async || state("cache_invalidation_lag_seconds").is_nan()).await;
}

#[cached(key = "quiet:{n}", ttl = "1m")]
async fn quiet(n: u64) -> u64 {
    n
}

#[tokio::test]
async fn a_cache_publishes_by_itself() {
    record();
    let cache = Cache::builder().namespace("by-itself").build().expect("in order");
    becomes(&cache, "it is published", async || {
        cache.scope(quiet(1)).await;
        let text = recorded().text;
        text.contains(r#"cache_available{cache="by-itself"} 1"#) && text.contains("::quiet\"")
    })
    .await;
}

/// A cache outlives a runtime, and what publishes goes on in the next.
#[test]
fn what_publishes_ends_with_its_runtime_and_goes_on_in_the_next() {
    record();
    let cache = Cache::builder().namespace("runtimes").build().expect("in order");
    for keys in [1u64, 3] {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("in order");
        runtime.block_on(async {
            for n in 0..keys {
                cache.put(format!("k{n}"), &n, TTL).await.expect("in process");
            }
            let entries = format!("cache_local_entries{{cache=\"runtimes\"}} {keys}\n");
            becomes(&cache, "it is published", async || recorded().text.contains(&entries)).await;
        });
    }
}

#[cached(key = "person:{name}:{secret}", ttl = "1m", tags = ["of:{name}"])]
async fn person(name: &str, secret: &str) -> String {
    format!("{name} {secret}")
}

#[invalidates(tags = ["of:{name}"])]
async fn forget_person(name: &str) {}

#[tokio::test]
async fn no_key_and_no_tag_is_ever_emitted_however_many_there_are() {
    record();
    let server = RedisServer::start();
    let cache = alone(patient("persons", server.url())).await;
    let mut series = BTreeSet::new();
    for n in 0..50 {
        let name = format!("confidential-{n}");
        cache.scope(person(&name, "hunter2")).await;
        cache.get::<String>(name.as_str()).await.expect("up");
        cache.put(name.as_str(), &1, TTL).await.expect("up");
        cache.scope(forget_person(&name)).await;
        is_idle(&cache).await;
        let exposition = published(&cache);
        assert!(
            !exposition.text.contains("confidential") && !exposition.text.contains("hunter2"),
            "{}",
            exposition.text
        );
        let own = exposition.samples.into_iter().filter(|sample| {
            sample.labels.values().any(|value| value.ends_with("::person") || value.contains("persons"))
        });
        series.insert(own.count());
    }
    assert_eq!(series.len(), 1, "the number of series does not depend on that of the keys: {series:?}");
}

#[tokio::test]
async fn what_is_emitted_is_what_the_table_says() {
    let scene = everything("table").await;
    published(&scene.cut_off);
    let exposition = published(&scene.cache);
    for metric in METRICS {
        let (kind, name) = match metric.kind {
            Kind::Counter => ("counter", metric.name.to_owned()),
            Kind::Gauge => ("gauge", metric.name.to_owned()),
            _ => ("histogram", format!("{}_count", metric.name)),
        };
        assert_eq!(exposition.kinds.get(metric.name).map(String::as_str), Some(kind), "{}", metric.name);
        let help = format!("# HELP {} {}", metric.name, metric.meaning.replace('\\', "\\\\"));
        assert!(exposition.text.contains(&help), "{help}");
        let samples: Vec<_> = exposition.samples.iter().filter(|sample| sample.name == name).collect();
        assert!(!samples.is_empty(), "{} is never emitted", metric.name);
        for sample in samples {
            let labels: BTreeSet<&str> = sample.labels.keys().map(String::as_str).collect();
            assert_eq!(labels, metric.labels.iter().copied().collect(), "{}", metric.name);
        }
        if let (false, Some(last)) = (metric.values.is_empty(), metric.labels.last()) {
            let values: BTreeSet<&str> = metric.values.iter().copied().collect();
            assert_eq!(exposition.values(&name, last), values, "{}", metric.name);
        }
    }
    let ours = exposition.kinds.keys().filter(|name| name.starts_with("cache_"));
    let unlisted: Vec<_> = ours.filter(|name| METRICS.iter().all(|metric| metric.name != *name)).collect();
    assert!(unlisted.is_empty(), "{unlisted:?}");
    // Not only there, but counted.
    for (name, label, values) in [
        ("cache_requests_total", "outcome", METRICS[0].values),
        ("cache_fills_total", "result", &["stored", "refused", "too_large", "unfit"]),
        ("cache_trouble_total", "cause", &["disconnect", "unkeyed"]),
        ("cache_invalidations_total", "result", &["delivered", "deferred"]),
    ] {
        for value in values {
            assert!(exposition.value(name, &[(label, value)]) > 0.0, "{name}: {value}");
        }
    }
}

#[test]
fn the_document_lists_them_all() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations/metrics.md");
    let document = std::fs::read_to_string(path).expect("it is there");
    let row = |metric: &cache_runtime::metrics::Metric| {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let values: Vec<String> = metric.values.iter().map(|value| format!("`{value}`")).collect();
        let values = if values.is_empty() { String::new() } else { format!(": {}", values.join(", ")) };
        let (kind, unit) = (format!("{:?}", metric.kind), format!("{:?}", metric.unit));
        let (kind, unit) = (kind.to_lowercase(), unit.to_lowercase());
        format!("| `{}` | {kind} | {unit} | {}{values} | {} |", metric.name, labels.join(", "), metric.meaning)
    };
    let wanted: Vec<String> = METRICS.iter().map(|metric| row(metric)).collect();
    let listed: Vec<&str> = document.lines().filter(|line| line.starts_with("| `cache_")).collect();
    assert_eq!(listed, wanted, "the table is to be:\n{}", wanted.join("\n"));
}
