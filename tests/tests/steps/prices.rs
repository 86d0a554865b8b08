//! A cached function that operators steer, and a policy file.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use cache_runtime::policy::Rule;
use cache_runtime::{Cache, CacheBuilder, Source, cached, invalidates, observe};
use tests::eventually;

use super::patient;

pub(crate) fn at(url: impl Into<String>) -> CacheBuilder {
    patient("policy", url)
}

#[cached(key = "price:{id}", ttl = "1h", tags = ["prices"], skip(now))]
pub(crate) async fn price(id: u64, now: u64) -> u64 {
    let _ = id;
    now
}

#[invalidates(tags = ["prices"])]
pub(crate) async fn new_prices() {}

pub(crate) async fn source<T>(cache: &Cache, call: impl Future<Output = T>) -> Source {
    cache.scope(observe(call)).await.1.source
}

/// What a call is answered, if it loads `now`, and from where.
pub(crate) async fn see(cache: &Cache, id: u64, now: u64) -> (u64, Source) {
    let call = async move { price(id, now).await };
    let (value, seen) = cache.scope(observe(call)).await;
    (value, seen.source)
}

pub(crate) fn steer(cache: &Cache, function: &str, rule: Rule) {
    cache.steer(function, rule).expect("it is in order");
}

pub(crate) const OFF: Rule = Rule::new().enabled(false);
pub(crate) const AS_DECLARED: Rule = Rule::new();

/// A directory of this test's own, with a file in it.
pub(crate) struct File(PathBuf);

impl File {
    pub(crate) fn new(text: &str) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("policy-{}-{}", std::process::id(), NEXT.fetch_add(1, SeqCst));
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&directory).expect("the directory for temporary files can be written");
        let file = Self(directory);
        file.write("policy.toml", text);
        file
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.at("policy.toml")
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.at(name), text).expect("it can be written");
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn with(file: &File) -> Cache {
    Cache::builder().policy(file.path()).build().expect("in order")
}

pub(crate) async fn says(cache: &Cache, rule: Rule) {
    let what = format!("{rule} is in force: {:?}", cache.policy());
    eventually(what, async || cache.policy().of("price") == rule).await;
}
