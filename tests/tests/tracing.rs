//! One span for each cached call, which says how it was answered and shows no key; trouble is told once for each change of
//! state; and nothing is asked where nobody listens.

mod steps;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use cache_runtime::{Cache, Key, bypass, cached, invalidates};
use steps::warnings::Warnings;
use steps::{TTL, alone, becomes, is_idle, listening, patient};
use tests::{Mode, Proxy, RedisServer};
use tracing::field::{Field, Visit};
use tracing::subscriber::{DefaultGuard, NoSubscriber};
use tracing::{Dispatch, Event, Level, Metadata, Subscriber, span};

/// A span's fields, by name, as they are shown.
type Fields = BTreeMap<&'static str, String>;

/// Collects spans of this thread, from targets that begin like that.
struct Spans {
    collected: Arc<Mutex<Vec<Fields>>>,
    _second: Dispatch,
    _while_it_lives: DefaultGuard,
}

impl Spans {
    fn of(target: &'static str) -> Self {
        let collected = Arc::default();
        let collector = Collector { target, collected: Arc::clone(&collected) };
        // Where there are two, no callsite is off for all because one of them said so.
        let second = Dispatch::new(NoSubscriber::new());
        Self { collected, _second: second, _while_it_lives: tracing::subscriber::set_default(collector) }
    }

    /// Those since this was last asked.
    fn take(&self) -> Vec<Fields> {
        std::mem::take(&mut *self.collected.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The only one since this was last asked.
    #[track_caller]
    fn one(&self) -> Fields {
        let mut spans = self.take();
        assert_eq!(spans.len(), 1, "{spans:?}");
        spans.remove(0)
    }
}

struct Collector {
    target: &'static str,
    collected: Arc<Mutex<Vec<Fields>>>,
}

impl Collector {
    fn with<R>(&self, act: impl FnOnce(&mut Vec<Fields>) -> R) -> R {
        act(&mut self.collected.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && *metadata.level() <= Level::DEBUG && metadata.target().starts_with(self.target)
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        let mut fields = Shown(Fields::from([("span", attributes.metadata().name().to_owned())]));
        attributes.record(&mut fields);
        self.with(|spans| {
            spans.push(fields.0);
            span::Id::from_u64(spans.len() as u64)
        })
    }

    fn record(&self, span: &span::Id, record: &span::Record<'_>) {
        let mut fields = Shown(Fields::new());
        record.record(&mut fields);
        self.with(|spans| spans[span.into_u64() as usize - 1].extend(fields.0));
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

struct Shown(Fields);

impl Visit for Shown {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

#[cached(key = "traced:{name}", ttl = "1m", negative_ttl = "1m")]
async fn traced(name: &str) -> Option<String> {
    tokio::task::yield_now().await;
    (name != "nobody").then(|| "v".repeat(100))
}

#[track_caller]
fn says(span: &Fields, outcome: &str, tier: Option<&str>) {
    assert_eq!(span["span"], "cached", "{span:?}");
    assert!(span["function"].ends_with("::traced"), "{span:?}");
    assert_eq!((span["template"].as_str(), span["outcome"].as_str()), ("traced:{name}", outcome), "{span:?}");
    assert_eq!(span.get("tier").map(String::as_str), tier, "{span:?}");
    for field in ["age_ms", "bytes"] {
        let number = span.get(field).map(|number| number.parse::<u64>().expect("a number"));
        assert_eq!(number.is_some(), tier.is_some(), "{field} of {span:?}");
    }
}

#[tokio::test]
async fn a_span_says_how_its_call_was_answered() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let cache = listening(patient("traced", server.url())).await;
    let remote = alone(patient("traced", proxy.url())).await;
    let spans = Spans::of("cache_runtime");
    cache.scope(traced("ada")).await;
    says(&spans.one(), "loaded", None);
    is_idle(&cache).await;
    cache.scope(traced("ada")).await;
    let local = spans.one();
    says(&local, "local_hit", Some("local"));
    remote.scope(traced("ada")).await;
    let far = spans.one();
    says(&far, "redis_hit", Some("redis"));
    let [bytes, stored] = [&local, &far].map(|span| span["bytes"].parse::<u64>().expect("a number"));
    assert!(bytes >= 100, "{local:?}");
    assert!(stored > bytes, "with its envelope: {far:?}, {local:?}");

    cache.scope(traced("nobody")).await;
    is_idle(&cache).await;
    spans.take();
    cache.scope(traced("nobody")).await;
    says(&spans.one(), "negative_hit", Some("local"));
    cache.scope(bypass(traced("ada"))).await;
    says(&spans.one(), "bypassed", None);
    tokio::join!(cache.scope(traced("grace")), cache.scope(traced("grace")));
    let both = spans.take();
    says(&both[0], "loaded", None);
    says(&both[1], "joined", None);
    proxy.set(Mode::Reset);
    remote.scope(traced("ada")).await;
    says(&spans.one(), "fail_open", None);
    Cache::local().get_or_load("by hand", TTL, || async { Ok::<_, String>(1) }).await.expect("it loads");
    let direct = spans.one();
    assert!(direct["function"].starts_with("direct:"), "{direct:?}");
    assert_eq!((direct["template"].as_str(), direct["outcome"].as_str()), ("*", "loaded"));
}

#[tokio::test]
async fn keys_are_not_shown_unless_asked_for() {
    let spans = Spans::of("cache_runtime");
    let cache = Cache::local();
    let key_of = async |cache: &Cache, name: &str| {
        cache.scope(traced(name)).await;
        spans.one()["key"].clone()
    };
    let ada = key_of(&cache, "ada@example.com").await;
    assert!(ada.len() == 16 && ada.bytes().all(|digit| digit.is_ascii_hexdigit()), "{ada}");
    assert_eq!(key_of(&cache, "ada@example.com").await, ada, "calls for one key are known by it");
    assert_ne!(key_of(&cache, "grace@example.com").await, ada);
    let clear = Cache::builder().trace_keys(true).build().expect("in order");
    assert_eq!(key_of(&clear, "ada@example.com").await, "traced:ada@example.com");
}

/// An entry that says that it is compressed, and is not.
#[cfg(feature = "compression")]
#[tokio::test]
async fn nor_in_warnings() {
    use steps::envelope::{LZ4, seal, set_flags};
    let server = RedisServer::start();
    let cache = alone(patient("w", server.url())).await;
    let clear = alone(patient("w", server.url()).trace_keys(true)).await;
    cache.scope(traced("ada@example.com")).await;
    is_idle(&cache).await;
    let [key] = &server.query::<Vec<String>>(&["KEYS", "w:e:*"])[..] else { panic!("one entry") };
    let mut client = server.client().await;
    let mut envelope: Vec<u8> = redis::cmd("GET").arg(key).query_async(&mut client).await.expect("up");
    set_flags(&mut envelope, LZ4);
    seal(&mut envelope);
    let warnings = Warnings::collect();
    for (cache, shows) in [(&cache, false), (&clear, true)] {
        redis::cmd("SET").arg(key).arg(&envelope).arg("PX").arg(60_000).exec_async(&mut client).await.expect("up");
        cache.scope(traced("ada@example.com")).await;
        let told = warnings.so_far();
        let last = told.last().expect("it is told");
        assert!(last.contains("cannot be decompressed"), "{last}");
        assert_eq!(last.contains("ada@"), shows, "{last}");
        is_idle(cache).await;
    }
}

#[cached(key = "panics:{name}", ttl = "1m")]
async fn panics(name: &str) -> u64 {
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    panic!("the body says nothing of {}", name.len())
}

#[tokio::test]
async fn a_panic_that_callers_share_shows_no_key() {
    use futures::FutureExt;
    let cache = Cache::local();
    let call = || std::panic::AssertUnwindSafe(cache.scope(panics("ada@example.com"))).catch_unwind();
    let (a, b, c) = tokio::join!(call(), call(), call());
    let told = [a, b, c].map(|call| call.expect_err("it panics").downcast::<String>().expect("a message"));
    let of_joined: Vec<_> = told.iter().filter(|message| message.contains("panicked twice")).collect();
    assert_eq!(of_joined.len(), 1, "{told:?}");
    assert!(of_joined[0].contains("tracing::panics") && !of_joined[0].contains("ada@"), "{of_joined:?}");
}

#[tokio::test]
async fn where_nobody_wants_them_there_are_none() {
    // Spans of this level are wanted, but somebody else's.
    let spans = Spans::of("other");
    let cache = Cache::local();
    for _ in 0..100 {
        cache.scope(traced("ada")).await;
    }
    assert!(spans.take().is_empty());
    drop(tracing::debug_span!(target: "other", "theirs"));
    assert_eq!(spans.one()["span"], "theirs");
}

#[cached(key = "down:{n}", ttl = "1m", tags = ["down"])]
async fn down(n: u64) -> u64 {
    n
}

#[invalidates(tags = ["down"])]
async fn forget_down() {}

#[tokio::test]
async fn trouble_is_told_once_for_each_change_of_state() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let cache = alone(patient("told", proxy.url())).await;
    let warnings = Warnings::collect();
    for times in 1..=2 {
        proxy.set(Mode::Refuse);
        proxy.kill_connections();
        becomes(&cache, "the breaker is open", async || {
            cache.scope(down(0)).await;
            !cache.health().available
        })
        .await;
        for n in 0..100 {
            cache.scope(down(n)).await;
            cache.scope(forget_down()).await;
            cache.get::<u64>(Key::new(format!("k{n}"))).await.expect_err("it is down");
        }
        let told = warnings.so_far();
        assert_eq!(told.len(), times, "{told:?}");
        assert!(told.iter().all(|line| line.contains("functions run uncached until it answers")), "{told:?}");
        proxy.set(Mode::Pass);
        becomes(&cache, "back in service", async || cache.health().available).await;
        is_idle(&cache).await;
    }
    assert_eq!(warnings.so_far().len(), 2);
}

struct Unrendered;

impl serde::Serialize for Unrendered {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("it has no text"))
    }
}

#[invalidates(tags = ["of:{by:hash}"])]
async fn forget_unrendered(by: Unrendered) {}

#[tokio::test]
async fn a_target_that_cannot_be_rendered_is_told_once() {
    let warnings = Warnings::collect();
    let cache = Cache::local();
    for _ in 0..3 {
        cache.scope(forget_unrendered(Unrendered)).await;
    }
    let told = warnings.so_far();
    assert!(told.len() == 1 && told[0].contains("cannot be rendered"), "{told:?}");
}
