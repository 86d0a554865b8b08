//! More tags on an entry: one that all entries have, the others its own.

use cache_runtime::{Cache, cached};

use super::{Growth, point};
use crate::chart::{Chart, Scale};
use crate::goals::Bench;
use crate::path::Path;
use crate::value::User;
use crate::{by_hand, ours};

const CALLERS: usize = 256;

/// Functions with so many tags, and their paths.
macro_rules! tagged {
    ($($name:ident $count:literal $key:literal {$($tags:tt)*})*) => {
        $(
            #[cached(key = $key, ttl = "1h", skip(cache), cache = cache, $($tags)*)]
            async fn $name(cache: &'static Cache, id: u64) -> User {
                User::load(id)
            }
        )*

        fn paths(cache: &'static Cache) -> Vec<(u32, Path)> {
            vec![$((
                $count,
                Path::over_redis("ours", move |id| $name(cache, id))
                    .proven_by(|| ours::counts(cache, $key, stringify!($name)).redis_hits),
            )),*]
        }
    };
}

tagged! {
    none 0 "t0:{id}" {}
    one 1 "t1:{id}" { tags = ["all"] }
    two 2 "t2:{id}" { tags = ["all", "a:{id}"] }
    four 4 "t4:{id}" { tags = ["all", "a:{id}", "b:{id}", "c:{id}"] }
    eight 8 "t8:{id}" {
        tags = ["all", "a:{id}", "b:{id}", "c:{id}", "d:{id}", "e:{id}", "f:{id}", "g:{id}"]
    }
    sixteen 16 "t16:{id}" {
        tags = [
            "all", "a:{id}", "b:{id}", "c:{id}", "d:{id}", "e:{id}", "f:{id}", "g:{id}", "h:{id}", "i:{id}", "j:{id}",
            "k:{id}", "l:{id}", "m:{id}", "n:{id}", "o:{id}"
        ]
    }
}

pub(super) async fn chart(bench: &Bench) -> Chart {
    let cache = ours::over(&bench.server.url()).namespace("tags").local_tier(false).build().expect("in order");
    let cache: &'static Cache = Box::leak(Box::new(cache));
    let hand = by_hand::hit();
    let mut growth = Growth::of(&["ours", "by hand, without tags"]);
    for (tags, path) in paths(cache) {
        growth.add(f64::from(tags), &point(bench, &[&path, &hand], CALLERS).await);
    }
    growth.chart("tags-per-entry", "Redis hits of 256 callers, by the tags of an entry", "tags", Scale::Linear)
}
