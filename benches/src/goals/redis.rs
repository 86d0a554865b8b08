//! Hits that ask the server.

use super::{Bench, beside};
use crate::path::{Path, Run};
use crate::placement::Placement;
use crate::table::Row;
use crate::{by_hand, ours};

/// What a lone caller is to be, beside one by hand.
const ALONE: f64 = 1.0;
/// Callers, and how much quicker than by hand.
const GOALS: [(usize, f64); 3] = [(16, 1.2), (256, 2.5), (1_024, 3.0)];
/// At how many callers the peers and the tags are measured.
const MANY: usize = 256;
const HAND: &str = "GET and decode by hand";

pub(super) async fn rows(bench: &Bench) -> Vec<Row> {
    let (hand, untagged, tagged) = (by_hand::hit(), ours::redis_untagged(), ours::redis_tagged());
    let row = |what: &str, against: &str, ours: &[Run], theirs: &[Run], goal| {
        let path = format!("Redis hit, {what}");
        Row::more(&path, against, "/s", beside(ours, theirs, Run::rate), goal)
    };
    let mut rows = Vec::new();
    for (place, name) in [(Placement::apart as fn(_) -> _, "another"), (Placement::together, "the server's")] {
        let _placed: Placement<'_> = place(&bench.server);
        let runs = bench.hits(&[&hand, &untagged], 1).await;
        rows.push(row(&format!("no tag, 1 caller, on {name} core"), HAND, &runs[1], &runs[0], ALONE));
    }
    let mut last = Vec::new();
    for (callers, goal) in GOALS {
        let mut paths: Vec<&Path> = vec![&hand, &untagged];
        if callers == MANY {
            paths.push(&tagged);
            paths.extend(&bench.peers.redis);
        }
        let runs = bench.hits(&paths, callers).await;
        let name = |tags| format!("{tags}, {callers} callers");
        rows.push(row(&name("no tag"), HAND, &runs[1], &runs[0], goal));
        if callers == MANY {
            last.push(row(&name("2 tags"), "the same GET, which knows no tags", &runs[2], &runs[0], 1.5));
            for (peer, theirs) in bench.peers.redis.iter().zip(&runs[3..]) {
                last.push(row(&name("no tag"), peer.name, &runs[1], theirs, 3.0));
            }
        }
    }
    rows.extend(last);
    rows
}
