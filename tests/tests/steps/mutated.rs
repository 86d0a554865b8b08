//! Caches with a rule of the protocol switched off, or with none: what a replay compares.

use std::time::Duration;

use cache_runtime::mutant::Mutant;
use cache_runtime::{Cache, CacheBuilder, Key, Source};

use super::{alone, becomes, listening, load, patient};

pub(crate) fn builder(url: impl Into<String>, mutant: Option<Mutant>) -> CacheBuilder {
    let builder = patient("replay", url);
    match mutant {
        Some(mutant) => builder.mutant(mutant),
        None => builder,
    }
}

/// A node without an in-process tier.
pub(crate) async fn bare(url: impl Into<String>, mutant: Option<Mutant>) -> Cache {
    alone(builder(url, mutant)).await
}

/// A node with an in-process tier that is vouched for.
pub(crate) async fn node(url: impl Into<String>, mutant: Option<Mutant>) -> Cache {
    listening(builder(url, mutant)).await
}

/// Reads until the answer comes from where it is waited for.
pub(crate) async fn until(cache: &Cache, key: &Key, value: u64, source: Source) {
    becomes(cache, source.as_str(), async || load(cache, key, value).await.1 == source).await;
}

/// Reads until the value is there, for far longer than a message takes; what it is in the end.
pub(crate) async fn becomes_or_stays(cache: &Cache, key: &Key, value: u64) -> u64 {
    let mut last = 0;
    for _ in 0..500 {
        last = load(cache, key, value).await.0;
        if last == value {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    last
}
