//! How throughput and latency grow; one file for each question, and a chart from each.

mod callers;
mod keys;
mod lanes;
mod latencies;
mod sizes;
mod tags;

use std::time::Duration;

use crate::chart::{Chart, Line, Panel, Scale};
use crate::goals::Bench;
use crate::path::{self, Path, Run, Work};
use crate::spread::median;

/// A name for the command line, and the chart.
pub(crate) const QUESTIONS: [&str; 6] = ["callers", "latencies", "sizes", "tags-per-entry", "lanes", "keys"];

pub(crate) async fn chart(bench: &Bench, question: &str) -> Chart {
    match question {
        "callers" => callers::chart(bench).await,
        "latencies" => latencies::chart(bench).await,
        "sizes" => sizes::chart(bench).await,
        "tags-per-entry" => tags::chart(bench).await,
        "lanes" => lanes::chart(bench).await,
        "keys" => keys::chart(bench).await,
        _ => unreachable!("the command line was checked"),
    }
}

/// What each path did at one place of the horizontal axis. Every call is timed.
async fn point(bench: &Bench, paths: &[&Path], callers: usize) -> Vec<Vec<Run>> {
    let (rounds, time) = if bench.quick { (1, 150) } else { (5, 400) };
    path::in_turn(rounds, paths, Work { callers, time: Duration::from_millis(time), latencies: true }).await
}

/// Rates and latencies of the same lines, by what grows.
struct Growth {
    rates: Vec<Line>,
    medians: Vec<Line>,
    tails: Vec<Line>,
}

impl Growth {
    fn of(names: &[&str]) -> Self {
        let lines = || names.iter().map(|name| Line::new(name)).collect();
        Self { rates: lines(), medians: lines(), tails: lines() }
    }

    /// Adds a place to each line.
    fn add(&mut self, x: f64, runs: &[Vec<Run>]) {
        for (line, runs) in runs.iter().enumerate() {
            let of = |measure: fn(&Run) -> f64| (x, median(runs.iter().map(measure)));
            self.rates[line].points.push(of(Run::rate));
            self.medians[line].points.push(of(|run| run.latency(0.5)));
            self.tails[line].points.push(of(|run| run.latency(0.99)));
        }
    }

    fn chart(self, name: &str, title: &str, x: &'static str, scale: Scale) -> Chart {
        let panel = |title: &str, unit, lines| Panel {
            title: title.to_owned(),
            x,
            x_scale: scale,
            y: unit,
            y_scale: Scale::Logarithmic,
            lines,
        };
        let panels = vec![
            panel("Calls in a second", "/s", self.rates),
            panel("Latency, median", "µs", self.medians),
            panel("Latency, 99th percentile", "µs", self.tails),
        ];
        Chart { name: name.to_owned(), title: title.to_owned(), panels }
    }
}
