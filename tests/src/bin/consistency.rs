//! `cargo x consistency --seconds N [--seed S] [--servers K]`: the history checker for as long as one likes.
//!
//! Takes the plans in turn, prints a line for each run and the sums per kind of server at the end, and fails when a read
//! broke a promise. A run that failed is printed with its seed.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use tests::checker::{Faults, Kind, Load, Plan, Report, run};

const KINDS: [Kind; 4] = [Kind::Standalone, Kind::Pair, Kind::Sentinel, Kind::Cluster];
/// How long one run takes.
const RUN: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    let (mut seconds, mut seed, mut only) = (300, fastrand::u64(..), None);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    for pair in arguments.chunks(2) {
        let understood = match [pair[0].as_str(), pair.get(1).map_or("", String::as_str)] {
            ["--seconds", value] => value.parse().map(|value| seconds = value).is_ok(),
            ["--seed", value] => value.parse().map(|value| seed = value).is_ok(),
            ["--servers", value] => {
                only = KINDS.into_iter().find(|kind| format!("{kind:?}").eq_ignore_ascii_case(value));
                only.is_some()
            }
            _ => false,
        };
        if !understood {
            eprintln!("{}: usage: cargo x consistency [--seconds N] [--seed S] [--servers {KINDS:?}]", pair.join(" "));
            return ExitCode::from(2);
        }
    }
    println!("seed {seed}, {seconds} s");
    let plan = |kind| Plan { seed, ..Plan::new(kind, RUN) };
    let plans = [
        plan(Kind::Standalone).faults(Faults::Everything),
        plan(Kind::Sentinel).faults(Faults::Everything),
        plan(Kind::Cluster).faults(Faults::Everything),
        plan(Kind::Pair).faults(Faults::Everything),
        plan(Kind::Standalone).faults(Faults::Everything).load(Load::Sparse),
        plan(Kind::Cluster).faults(Faults::Everything).load(Load::Sparse),
        plan(Kind::Pair).faults(Faults::Everything).load(Load::Sparse),
        plan(Kind::Standalone).faults(Faults::Network),
        plan(Kind::Sentinel).faults(Faults::Everything).load(Load::Sparse),
        plan(Kind::Cluster).faults(Faults::Network),
        Plan { fenced: true, ..plan(Kind::Standalone).faults(Faults::Network).load(Load::Sparse) },
        plan(Kind::Standalone).faults(Faults::Silence).load(Load::Quiet),
        Plan { local: false, ..plan(Kind::Standalone).faults(Faults::Everything) },
        plan(Kind::Standalone).faults(Faults::Eviction).load(Load::Sparse),
        plan(Kind::Cluster).faults(Faults::Silence).load(Load::Quiet),
    ];
    let plans: Vec<_> = plans.into_iter().filter(|plan| only.is_none_or(|only| plan.kind == only)).collect();
    let began = now();
    let mut done: Vec<(Kind, Report)> = Vec::new();
    for round in 0.. {
        for plan in &plans {
            if began.elapsed().as_secs() >= seconds && !done.is_empty() {
                return verdict(&done);
            }
            let plan = Plan { seed: plan.seed.wrapping_add(round), ..plan.clone() };
            let report = run(&plan);
            println!("{plan}\n  {report}");
            if report.violations() > 0 || !report.is_alive() {
                println!("  BROKEN: {:#?}\n  faults: {:?}", report.examples(), report.faults());
            }
            done.push((plan.kind, report));
        }
    }
    unreachable!("the rounds end with the time")
}

#[expect(clippy::disallowed_methods, reason = "how long the whole takes is no part of what is checked")]
fn now() -> Instant {
    Instant::now()
}

fn verdict(done: &[(Kind, Report)]) -> ExitCode {
    println!(
        "\n{:<12} {:>5} {:>12} {:>7} {:>11} {:>22}",
        "servers", "runs", "reads", "faults", "violations", "tier behind at worst"
    );
    let mut broken = false;
    for kind in KINDS {
        let of_kind: Vec<&Report> = done.iter().filter(|(of, _)| *of == kind).map(|(_, report)| report).collect();
        row(&format!("{kind:?}"), &of_kind);
        broken |= of_kind.iter().any(|report| report.violations() > 0 || !report.is_alive());
    }
    row("all", &done.iter().map(|(_, report)| report).collect::<Vec<_>>());
    if broken { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn row(name: &str, reports: &[&Report]) {
    let sum = |of: fn(&Report) -> u64| reports.iter().map(|report| of(report)).sum::<u64>();
    let worst = reports.iter().map(|report| report.worst_local()).max().unwrap_or_default();
    println!(
        "{name:<12} {:>5} {:>12} {:>7} {:>11} {:>19.1} ms",
        reports.len(),
        sum(Report::reads),
        sum(|report| report.faults().len() as u64),
        sum(Report::violations),
        worst.as_secs_f64() * 1e3
    );
}
