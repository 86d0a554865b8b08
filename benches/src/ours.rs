//! Our own paths: annotated functions over one server, each with the cache that its path needs.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cache_runtime::{Cache, CacheBuilder, Counts, cached};

use crate::PATIENCE;
use crate::path::Path;
use crate::value::User;

/// With the in-process tier, as by default.
static TIERED: OnceLock<Cache> = OnceLock::new();
/// Without a server.
static LOCAL: OnceLock<Cache> = OnceLock::new();

fn tiered() -> &'static Cache {
    TIERED.get().expect("made by `connect`")
}

fn local() -> &'static Cache {
    LOCAL.get_or_init(Cache::local)
}

/// A cache over this server, whose calls wait for it as long as other clients here.
pub fn over(url: &str) -> CacheBuilder {
    // What is kept in process stays for as long as a measurement may take.
    Cache::builder().namespace("bench").redis(url).budget(PATIENCE).local_ttl(Duration::from_secs(3600))
}

/// Makes the caches of all functions here. The installed one, as most programs have one, keeps nothing in process: each
/// hit asks the server.
pub fn connect(url: &str) {
    over(url).local_tier(false).build().expect("in order").install().expect("the first one");
    TIERED.get_or_init(|| over(url).build().expect("in order"));
}

#[cached(key = "user:{id}", ttl = "1h")]
async fn untagged(id: u64) -> User {
    User::load(id)
}

#[cached(key = "tagged:{id}", ttl = "1h", tags = ["user:{id}", "users"])]
async fn tagged(id: u64) -> User {
    User::load(id)
}

#[cached(key = "kept:{id}", ttl = "1h", cache = tiered())]
async fn kept(id: u64) -> Arc<User> {
    Arc::new(User::load(id))
}

#[cached(key = "user:{id}", ttl = "1h", cache = local())]
async fn alone(id: u64) -> Arc<User> {
    Arc::new(User::load(id))
}

#[cached(key = "tagged:{id}", ttl = "1h", tags = ["user:{id}", "users"], cache = local())]
async fn alone_tagged(id: u64) -> Arc<User> {
    Arc::new(User::load(id))
}

/// What the function of this key template has counted. Panics if the cache was in trouble: then no figure means anything.
pub fn counts(cache: &Cache, key: &str, name: &str) -> Counts {
    let stats = cache.stats();
    let function = |stats: &&cache_runtime::FunctionStats| stats.key == key && stats.function.ends_with(name);
    let counts = stats.functions.iter().find(function).map(|stats| stats.counts.clone()).unwrap_or_default();
    assert_eq!(counts.fail_open, 0, "the cache was in trouble: the figures mean nothing");
    counts
}

/// A hit that asks the server, for an entry without tags.
pub fn redis_untagged() -> Path {
    Path::over_redis("ours, no tag", untagged)
        .proven_by(|| counts(&Cache::current(), "user:{id}", "::untagged").redis_hits)
}

/// The same for an entry with a tag that all share and one of its own.
pub fn redis_tagged() -> Path {
    Path::over_redis("ours, 2 tags", tagged)
        .proven_by(|| counts(&Cache::current(), "tagged:{id}", "::tagged").redis_hits)
}

/// A hit in the in-process tier over a server.
pub fn tier_over_redis() -> Path {
    Path::in_process("ours, in process over Redis", kept)
        .proven_by(|| counts(tiered(), "kept:{id}", "::kept").local_hits)
}

/// A hit in a cache that knows no server.
pub fn in_process() -> Path {
    Path::in_process("ours, in process only", alone).proven_by(|| counts(local(), "user:{id}", "::alone").local_hits)
}

/// The same for an entry with a tag that all share and one of its own.
pub fn in_process_tagged() -> Path {
    let hits = || counts(local(), "tagged:{id}", "::alone_tagged").local_hits;
    Path::in_process("ours, in process only, 2 tags", alone_tagged).proven_by(hits)
}
