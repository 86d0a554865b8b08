//! A table whose rows are cached, and whose mutations count its value up: what a call must return is known.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use cache_runtime::{Cache, Source, cached, observe};
use tokio::sync::Notify;

use super::becomes;

#[derive(Default)]
pub(crate) struct Table {
    value: AtomicU64,
    loads: AtomicU64,
}

impl Table {
    pub(crate) fn now(&self) -> u64 {
        self.value.load(SeqCst)
    }

    /// What is there from now on.
    pub(crate) fn change(&self) -> u64 {
        self.value.fetch_add(1, SeqCst) + 1
    }

    /// As a query does.
    pub(crate) fn read(&self) -> u64 {
        self.loads.fetch_add(1, SeqCst);
        self.now()
    }

    pub(crate) fn loads(&self) -> u64 {
        self.loads.load(SeqCst)
    }
}

#[cached(key = "row:{id}", ttl = "1m", tags = ["row:{id}", "rows"], skip(table))]
pub(crate) async fn row(table: &Table, id: u64) -> u64 {
    let _ = id;
    table.read()
}

pub(crate) async fn see(cache: &Cache, table: &Table, id: u64) -> (u64, Source) {
    let (value, seen) = cache.scope(observe(row(table, id))).await;
    (value, seen.source)
}

/// Calls until the row comes from there, and whatever is returned is current.
pub(crate) async fn comes_from(source: Source, cache: &Cache, table: &Table, id: u64) {
    becomes(cache, source.as_str(), async || {
        let (value, from) = see(cache, table, id).await;
        assert_eq!(value, table.now(), "from {from}");
        from == source
    })
    .await;
}

/// The row is kept in process.
pub(crate) async fn is_kept(cache: &Cache, table: &Table, id: u64) {
    comes_from(Source::Local, cache, table, id).await;
}

/// Waits until a message has told the cache: what it returns is current.
pub(crate) async fn is_told(cache: &Cache, table: &Table, id: u64) {
    becomes(cache, "told", async || see(cache, table, id).await.0 == table.now()).await;
}

/// A table whose first query takes until it is told to go on, with what it had read by then.
#[derive(Default)]
pub(crate) struct Held {
    pub(crate) table: Table,
    pub(crate) has_read: Notify,
    pub(crate) go_on: Notify,
}

#[cached(key = "held:{id}", ttl = "1m", tags = ["held:{id}"], skip(held))]
pub(crate) async fn held(held: Arc<Held>, id: u64) -> u64 {
    let _ = id;
    let value = held.table.read();
    if held.table.loads() == 1 {
        held.has_read.notify_one();
        held.go_on.notified().await;
    }
    value
}
