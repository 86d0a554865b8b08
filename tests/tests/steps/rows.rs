//! Many values, each with names of its own and shared ones, that are invalidated whenever they change: what a read may
//! return is known.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use cache_runtime::{Cache, Key, Source, observe};

use super::{TTL, becomes};

pub(crate) struct Rows {
    pub(crate) keys: Vec<Key>,
    pub(crate) versions: Vec<AtomicU64>,
}

impl Rows {
    pub(crate) fn new(keys: impl IntoIterator<Item = Key>) -> Self {
        let keys: Vec<_> = keys.into_iter().collect();
        Self { versions: keys.iter().map(|_| AtomicU64::new(0)).collect(), keys }
    }

    /// Rows at all masters, each with a tag of its own at some master and one of three shared ones.
    pub(crate) fn spread(count: usize) -> Self {
        Self::new(
            (0..count).map(|n| Key::new(format!("row:{n}")).tag(format!("own:{n}")).tag(format!("third:{}", n % 3))),
        )
    }

    /// A single one, where there is one master.
    pub(crate) fn one() -> Self {
        Self::spread(1)
    }

    pub(crate) fn now(&self, row: usize) -> u64 {
        self.versions[row].load(SeqCst)
    }

    /// All change, and nobody is told.
    pub(crate) fn change(&self) {
        self.versions.iter().for_each(|version| _ = version.fetch_add(1, SeqCst));
    }

    pub(crate) async fn read(&self, cache: &Cache, row: usize) -> (u64, Source) {
        let load = || async { Ok::<_, Infallible>(self.now(row)) };
        let (value, seen) = observe(cache.get_or_load(self.keys[row].clone(), TTL, load)).await;
        (value.expect("the loader does not fail, and the cache's trouble is not the caller's"), seen.source)
    }

    /// Each row is a hit, in Redis or in process.
    pub(crate) async fn become_hits(&self, cache: &Cache, source: Source) {
        for row in 0..self.keys.len() {
            becomes(cache, &format!("{} is a hit", self.keys[row]), async || {
                let (value, seen) = self.read(cache, row).await;
                assert_eq!(value, self.now(row), "{} from {seen}", self.keys[row]);
                seen == source
            })
            .await;
        }
    }

    /// Waits until messages have told the cache: what it returns is current.
    pub(crate) async fn are_told(&self, cache: &Cache) {
        for row in 0..self.keys.len() {
            let what = format!("told of {}", self.keys[row]);
            becomes(cache, &what, async || self.read(cache, row).await.0 == self.now(row)).await;
        }
    }

    /// Changes each row and invalidates it in every way there is; what is read behind that, by whom Redis answers, is new.
    pub(crate) async fn stay_fresh(&self, by: &Cache, readers: &[&Cache]) {
        for (row, key) in self.keys.iter().enumerate() {
            let ways = std::iter::once(None).chain(key.tags().map(Some));
            for tag in ways {
                let version = self.versions[row].fetch_add(1, SeqCst) + 1;
                let told = match tag {
                    Some(tag) => by.invalidate_tags([tag]).await,
                    None => by.remove([key.clone()]).await.map(drop),
                };
                told.unwrap_or_else(|error| panic!("{key}: {error:?} {:?}", by.health()));
                for reader in readers {
                    let (value, source) = self.read(reader, row).await;
                    assert_eq!(value, version, "{key} from {source}, invalidated by {}", tag.unwrap_or("its key"));
                }
            }
        }
    }
}
