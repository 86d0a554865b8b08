//! The rows of the table, by what they are about; one file for each.

mod allocations;
mod breaker;
mod build;
mod footprint;
mod in_process;
mod miss;
pub(crate) mod mixed;
mod overhead;
mod redis;

use std::time::Duration;

use tests::RedisServer;

use crate::Peers;
use crate::path::{self, Path, Run, Work};
use crate::table::{Rounds, Row};

/// What all rows are measured with.
pub(crate) struct Bench {
    pub(crate) quick: bool,
    pub(crate) server: RedisServer,
    pub(crate) peers: Peers,
}

/// A name for the command line, and the rows.
pub(crate) const GROUPS: [&str; 9] =
    ["redis", "in-process", "allocations", "miss", "breaker", "mixed", "overhead", "build", "footprint"];

/// Those in which other programs have a part.
pub(crate) const ELSEWHERE: [&str; 5] = ["allocations", "breaker", "overhead", "build", "footprint"];

pub(crate) async fn rows(bench: &Bench, group: &str) -> Vec<Row> {
    match group {
        "redis" => redis::rows(bench).await,
        "in-process" => in_process::rows(bench).await,
        "allocations" => allocations::rows(bench),
        "miss" => miss::rows(bench).await,
        "breaker" => breaker::rows(bench).await,
        "mixed" => mixed::rows(bench).await,
        "overhead" => overhead::rows(bench),
        "build" => build::rows(bench),
        "footprint" => footprint::rows(bench).await,
        _ => unreachable!("the command line was checked"),
    }
}

impl Bench {
    /// How often what takes a second or more is measured.
    pub(crate) fn rounds(&self) -> usize {
        if self.quick { 5 } else { 11 }
    }

    /// What is done in one of these.
    pub(crate) fn work(&self, callers: usize) -> Work {
        Work { callers, time: Duration::from_millis(if self.quick { 300 } else { 1_000 }), latencies: false }
    }

    /// Hits, as [`path::in_turn`]: in many short rounds, for what changes the machine's speed within one changes its
    /// ratio.
    pub(crate) async fn hits(&self, paths: &[&Path], callers: usize) -> Vec<Vec<Run>> {
        let (rounds, time) = if self.quick { (10, 150) } else { (44, 250) };
        let work = Work { callers, time: Duration::from_millis(time), latencies: false };
        path::in_turn(rounds, paths, work).await
    }
}

/// Ours and theirs, round by round.
fn beside(ours: &[Run], theirs: &[Run], measure: fn(&Run) -> f64) -> Rounds {
    ours.iter().map(measure).zip(theirs.iter().map(measure)).collect()
}
