//! How latencies are spread: of hits, and under mixed load.

use super::point;
use crate::chart::{Chart, Line, Panel, Scale};
use crate::goals::{Bench, mixed};
use crate::path::{Path, Run, SHARES};
use crate::spread::median;
use crate::{by_hand, ours};

const CALLERS: usize = 256;

pub(super) async fn chart(bench: &Bench) -> Chart {
    let own = [ours::redis_untagged(), ours::redis_tagged(), by_hand::hit()];
    let paths: Vec<&Path> = own.iter().chain(&bench.peers.redis).collect();
    let hits = point(bench, &paths, CALLERS).await;
    let [ours, hand] = mixed::measure(bench).await;
    let panel = |title: &str, lines| Panel {
        title: title.to_owned(),
        x: "share of the calls that were no slower",
        x_scale: Scale::Shares,
        y: "µs",
        y_scale: Scale::Logarithmic,
        lines,
    };
    let panels = vec![
        panel("Redis hits", paths.iter().zip(&hits).map(|(path, runs)| line(path.name, runs)).collect()),
        panel("9% misses, 1% invalidations", vec![line(own[0].name, &ours), line(own[2].name, &hand)]),
    ];
    Chart { name: "latencies".to_owned(), title: "Latencies of 256 callers".to_owned(), panels }
}

fn line(name: &str, runs: &[Run]) -> Line {
    let points = SHARES.map(|share| (share, median(runs.iter().map(|run| run.latency(share)))));
    Line { points: points.to_vec(), ..Line::new(name) }
}
