//! Larger values.

use cache_runtime::{Cache, cached};
use redis::AsyncCommands;
use serde::{Deserialize, Serialize};

use super::{Growth, point};
use crate::chart::{Chart, Scale};
use crate::goals::Bench;
use crate::path::{KEYS, Path};
use crate::value::{Answer, loaded};
use crate::{by_hand, ours};

const SIZES: [usize; 8] = [64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20];
const CALLERS: usize = 16;
/// What all values of a size may take together.
const ROOM: usize = 64 << 20;

#[derive(Clone, Serialize, Deserialize)]
struct Page {
    id: u64,
    text: String,
}

impl Page {
    fn load(id: u64, size: usize) -> Self {
        loaded();
        Self { id, text: "x".repeat(size) }
    }
}

impl Answer for Page {
    fn id(&self) -> u64 {
        self.id
    }
}

#[cached(key = "page:{size}:{id}", ttl = "1h", skip(cache), cache = cache)]
async fn page(cache: &'static Cache, size: usize, id: u64) -> Page {
    Page::load(id, size)
}

async fn by_hand(size: usize, id: u64) -> Page {
    let mut connection = by_hand::connection();
    let key = format!("hand:page:{size}:{id}");
    let found: Option<Vec<u8>> = connection.get(&key).await.expect("up");
    match found {
        Some(bytes) => by_hand::decoded(&bytes),
        None => {
            let page = Page::load(id, size);
            connection.set_ex::<_, _, ()>(&key, by_hand::encoded(&page), 3600).await.expect("up");
            page
        }
    }
}

pub(super) async fn chart(bench: &Bench) -> Chart {
    let cache = ours::over(&bench.server.url()).namespace("sizes").local_tier(false).max_entry_bytes(4 << 20).build();
    let cache: &'static Cache = Box::leak(Box::new(cache.expect("in order")));
    let mut growth = Growth::of(&["ours, no tag", "by hand"]);
    for size in SIZES {
        let keys = ((ROOM / size) as u64).min(KEYS);
        let ours = Path::over_redis("ours, no tag", move |id| page(cache, size, id))
            .of(keys)
            .proven_by(|| ours::counts(cache, "page:{size}:{id}", "::page").redis_hits);
        let hand = Path::over_redis("by hand", move |id| by_hand(size, id)).of(keys);
        growth.add(size as f64, &point(bench, &[&ours, &hand], CALLERS).await);
        bench.server.command(&["FLUSHALL"]);
    }
    growth.chart("sizes", "Redis hits of 16 callers, by the size of the value", "bytes", Scale::Binary)
}
