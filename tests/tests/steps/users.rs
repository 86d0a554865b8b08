//! What a user of the server is permitted, and everything that a cache does for him.

use std::time::Duration;

use cache_runtime::{Cache, CacheBuilder, Key, Source, invalidates};
use tests::RedisServer;

use super::{TTL, becomes, load, patient};

pub(crate) fn builder(url: impl Into<String>) -> CacheBuilder {
    patient("topo", url)
}

pub(crate) fn cache(url: impl Into<String>) -> Cache {
    builder(url).build().expect("in order")
}

pub(crate) fn row() -> Key {
    Key::new("row").tag("rows")
}

/// A cache fills, hits, and hears what another one invalidates.
pub(crate) async fn works(here: &Cache, there: &Cache, source: Source) {
    becomes(here, "it is a hit", async || load(here, row(), 1).await == (1, source)).await;
    becomes(there, "it is a hit", async || load(there, row(), 1).await == (1, source)).await;
    here.invalidate_tags(["rows"]).await.expect("it is there");
    assert_eq!(load(here, row(), 2).await, (2, Source::Loaded));
    becomes(there, "it hears of it", async || load(there, row(), 2).await.0 == 2).await;
    here.remove([row()]).await.expect("it is there");
    assert!(here.health().available && here.health().last_error.is_none(), "{:?}", here.health());
}

/// What the guide lists.
pub(crate) const DATA: [&str; 6] = ["+mget", "+eval", "+get", "+set", "+getrange", "+unlink"];
pub(crate) const TAGS_AND_FENCES: [&str; 3] = ["+strlen", "+pexpire", "+time"];
pub(crate) const METHODS: [&str; 3] = ["+pttl", "+scan", "+ping"];
pub(crate) const NEWS: [&str; 4] = ["&topo:bus", "+publish", "+subscribe", "+info"];
pub(crate) const CLUSTER: [&str; 2] = ["+cluster|slots", "+asking"];

pub(crate) fn permissions() -> impl Iterator<Item = &'static str> {
    DATA.into_iter().chain(TAGS_AND_FENCES).chain(METHODS).chain(NEWS)
}

pub(crate) fn set_user<'a>(server: &RedisServer, permissions: impl IntoIterator<Item = &'a str>) {
    let rights = ["ACL", "SETUSER", "app", "reset", "on", ">hunter2", "~topo:*", "resetchannels"];
    server.command(&rights.into_iter().chain(permissions).collect::<Vec<_>>());
    server.command(&["ACL", "LOG", "RESET"]);
}

pub(crate) fn as_user(server: &RedisServer) -> Cache {
    cache(server.url().replace("redis://", "redis://app:hunter2@"))
}

#[invalidates(tags = ["rows"], fence)]
pub(crate) async fn change_rows() {}

/// Everything that a cache can do, whatever it answers.
pub(crate) async fn do_everything(cache: &Cache) {
    for _ in 0..10 {
        load(cache, row(), 1).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let _ = cache.put(row(), &1u64, TTL).await;
    let _ = cache.get::<u64>(row()).await;
    let _ = cache.ttl(row()).await;
    let _ = cache.touch(row(), TTL).await;
    cache.scope(change_rows()).await;
    let _ = cache.get_many::<u64>([row(), Key::new("other")]).await;
    let _ = cache.remove([row()]).await;
    let _ = cache.invalidate_tags(["rows"]).await;
    let _ = cache.remove_matching("r*").await;
    let _ = cache.clear().await;
    let _ = cache.ping().await;
}
