//! Hits that ask nobody.

use std::sync::{Arc, LazyLock};

use quick_cache::sync::Cache;

use super::{Bench, beside};
use crate::path::{KEYS, Path, Run};
use crate::table::Row;
use crate::value::User;
use crate::{WORKERS, ours};

/// The least that any cache of this shape does: one lookup, under a key that is there already.
fn bare() -> Path {
    static KEPT: LazyLock<Cache<String, Arc<User>>> = LazyLock::new(|| {
        let cache = Cache::new(2 * KEYS as usize);
        for (id, key) in (0..).zip(&*PREPARED) {
            cache.insert(key.clone(), Arc::new(User::new(id)));
        }
        cache
    });
    static PREPARED: LazyLock<Vec<String>> = LazyLock::new(|| (0..KEYS).map(|id| format!("user:{id}")).collect());
    Path::in_process("bare quick_cache, key prepared", |id| async move {
        KEPT.get(PREPARED[id as usize].as_str()).expect("it has room for all")
    })
}

pub(super) async fn rows(bench: &Bench) -> Vec<Row> {
    let ours = [ours::tier_over_redis(), ours::in_process()];
    let bare = bare();
    let paths: Vec<&Path> = ours.iter().chain([&bare]).chain(&bench.peers.in_process).collect();
    for path in &paths {
        path.warm_up().await;
    }
    let asked = || bench.server.calls_of(&["get", "mget"]);
    let before = asked();
    let one = bench.hits(&paths, 1).await;
    let all = bench.hits(&paths, WORKERS).await;
    assert_eq!(asked() - before, 0, "somebody asked the server");

    let mut rows = Vec::new();
    for (at, our) in ours.iter().enumerate() {
        let name = our.name.trim_start_matches("ours, in process ");
        for (threads, runs) in [("1 thread", &one), ("all threads", &all)] {
            for (peer, theirs) in paths.iter().zip(runs).skip(ours.len()) {
                let goal = if peer.name == bare.name { 1.0 / 1.5 } else { 1.5 };
                let path = format!("in-process hit ({name}), {threads}");
                rows.push(Row::more(&path, peer.name, "/s", beside(&runs[at], theirs, Run::rate), goal));
            }
        }
        let path = format!("in-process hit ({name}), {WORKERS} threads, same {KEYS} keys");
        rows.push(Row::more(&path, "its own 1 thread", "/s", beside(&all[at], &one[at], Run::rate), 1.5));
    }
    rows
}
