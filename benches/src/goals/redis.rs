//! Hits that ask the server.

use super::{Bench, beside};
use crate::path::{Path, Run};
use crate::table::Row;
use crate::{by_hand, ours};

/// Callers, and how much quicker than by hand.
const GOALS: [(usize, f64); 4] = [(1, 1.0), (16, 1.2), (256, 2.5), (1_024, 3.0)];
/// At how many callers the peers and the tags are measured.
const MANY: usize = 256;

pub(super) async fn rows(bench: &Bench) -> Vec<Row> {
    let (hand, untagged, tagged) = (by_hand::hit(), ours::redis_untagged(), ours::redis_tagged());
    let mut rows = Vec::new();
    let mut last = Vec::new();
    for (callers, goal) in GOALS {
        let mut paths: Vec<&Path> = vec![&hand, &untagged];
        if callers == MANY {
            paths.push(&tagged);
            paths.extend(&bench.peers.redis);
        }
        let runs = bench.hits(&paths, bench.work(callers)).await;
        let row = |name: &str, against: &str, ours: &[Run], theirs: &[Run], goal| {
            let path = format!("Redis hit, {name}, {callers} {}", if callers == 1 { "caller" } else { "callers" });
            Row::more(&path, against, "/s", beside(ours, theirs, Run::rate), goal)
        };
        rows.push(row("no tag", "GET and decode by hand", &runs[1], &runs[0], goal));
        if callers == MANY {
            last.push(row("2 tags", "the same GET, which knows no tags", &runs[2], &runs[0], 1.5));
            for (peer, theirs) in bench.peers.redis.iter().zip(&runs[3..]) {
                last.push(row("no tag", peer.name, &runs[1], theirs, 3.0));
            }
        }
    }
    rows.extend(last);
    rows
}
